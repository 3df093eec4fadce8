// One connection: its ladder and its explanation. Its address in the page is #conn-N.

const dialog = byId("detail");
// Whether the page was somewhere else before, so that closing goes back there.
let cameFrom = false;

const copyable = (pre) => {
  const button = make("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    const text = pre.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  pre.append(button);
};

const describe = (rows, row, table) => {
  const facts = table.columns.filter((column) => !column.titled).flatMap((column) => {
    const text = column.text(row);
    return text === "-" || text === "" ? [] : [make("div", {}, make("dt", {}, column.long || column.name), make("dd", {}, text))];
  });
  return make("dl", { class: "facts" }, ...facts);
};

const openDetail = async (rows, row, table) => {
  const conn = rows.conn[row];
  byId("detail-title").textContent = `Connection ${conn}: ${table.title(row)}`;
  const body = byId("detail-body");
  body.replaceChildren(describe(rows, row, table));
  const place = table.shown.indexOf(row);
  const neighbour = (button, other) => {
    button.disabled = place < 0 || other === undefined;
    button.onclick = () => location.replace(`#conn-${rows.conn[other]}`);
  };
  neighbour(byId("detail-before"), table.shown[place - 1]);
  neighbour(byId("detail-after"), table.shown[place + 1]);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  if (rows.chunk[row] < 0) {
    const command = make("pre", { class: "cmd", tabindex: "0" }, make("code", {}, meta.command.replace("{}", conn)));
    body.append(make("p", {}, "There was no room in this page for the ladder and the explanation of this connection. With the captures, this command shows them:"), command);
    copyable(command);
    return;
  }
  dialog.dataset.conn = conn;
  const html = await textAt(rows.chunk[row], rows.item[row]);
  // Another one may have been asked for meanwhile.
  if (dialog.dataset.conn !== String(conn)) return;
  // The command has escaped every text in it, and the page's policy runs no script but this one.
  const inside = make("div", { class: "inside" });
  inside.innerHTML = html;
  inside.querySelectorAll("pre.cmd").forEach(copyable);
  body.append(inside);
};

const leaveDetail = () => {
  if (!/^#conn-\d+$/.test(location.hash)) return;
  if (cameFrom) history.back();
  else location.replace("#connections");
};

byId("detail-close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", leaveDetail);
// A click beside it closes it.
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
