// Tables, filters, and the address of what is shown: #conn-3, #show&outcome=refused&q=443.

const meta = JSON.parse(byId("meta").textContent);

const columnsOfConnections = (rows) => {
  const server = (row) => meta.servers.name[rows.server[row]];
  const client = (row) => `${rows.hosts[rows.client[row]]}:${rows.port[row]}`;
  const outcome = (row) => meta.outcomes[rows.outcome[row]];
  const columns = [
    { name: "Conn", titled: true, number: true, rising: true, text: (row) => String(rows.conn[row]), value: (row) => rows.conn[row] },
    { name: "Time", long: meta.clock ? "Began (UTC)" : "Began", number: true, rising: true, size: "time", text: (row) => moment(rows, rows.time[row]), value: (row) => rows.time[row] },
    { name: "Client", titled: true, size: "end", text: client, value: client },
    { name: "Server", titled: true, size: "end", text: server, value: server },
    { name: "Outcome", titled: true, size: "outcome", text: (row) => outcome(row).label, value: (row) => outcome(row).label, chip: (row) => outcome(row).class },
    { name: "Cause", titled: true, size: "cause", text: (row) => (rows.cause[row] < 0 ? "" : rows.causes[rows.cause[row]].replaceAll("_", " ")), value: (row) => (rows.cause[row] < 0 ? "" : rows.causes[rows.cause[row]]) },
    { name: "Set-up", number: true, text: (row) => duration(rows.setup[row]), value: (row) => rows.setup[row] },
    { name: "SYNs", number: true, text: (row) => String(rows.syns[row]), value: (row) => rows.syns[row] },
    { name: "Packets", number: true, text: (row) => String(rows.packets[row]), value: (row) => rows.packets[row] },
    { name: "Close", text: (row) => rows.closes[rows.close[row]], value: (row) => rows.closes[rows.close[row]] },
  ];
  if (rows.path) {
    const added = [
      ...(rows.between ? [{ name: "Between", text: (row) => rows.between[row], value: (row) => rows.between[row] }] : []),
      { name: "Path", size: "outcome", text: (row) => rows.paths[rows.path[row]][0], value: (row) => rows.paths[rows.path[row]][0], chip: (row) => rows.paths[rows.path[row]][1] },
      { name: "Lost →", number: true, text: (row) => (rows.lost[0][row] < 0 ? "-" : String(rows.lost[0][row])), value: (row) => rows.lost[0][row] },
      { name: "Lost ←", number: true, text: (row) => (rows.lost[1][row] < 0 ? "-" : String(rows.lost[1][row])), value: (row) => rows.lost[1][row] },
      { name: "Delay →", number: true, text: (row) => rows.delay[0][row], value: (row) => rows.delayed[0][row] },
      { name: "Delay ←", number: true, text: (row) => rows.delay[1][row], value: (row) => rows.delayed[1][row] },
    ];
    columns.splice(5, columns.length, ...added);
  }
  // A column in which no row has anything is no help.
  const says = (column) => column.size === "cause" ? rows.cause.some((cause) => cause >= 0) : true;
  return columns.filter(says);
};

const columnsOfServers = () => {
  const { name, attempts, percent, failures, retries, rtt, slowest } = meta.servers;
  const failing = meta.failures.map((label, place) => ({ label, place })).filter(({ place }) => failures[place].some((number) => number > 0));
  return [
    { name: "Server", size: "end", text: (row) => name[row], value: (row) => name[row] },
    { name: "Attempts", number: true, text: (row) => attempts[row].toLocaleString("en"), value: (row) => attempts[row] },
    { name: "Complete", number: true, rising: true, text: (row) => (percent[row] < 0 ? "-" : `${percent[row].toFixed(1)} %`), value: (row) => percent[row] },
    ...failing.map(({ label, place }) => ({ name: label, number: true, class: (row) => (failures[place][row] > 0 ? "bad-text" : "nil"), text: (row) => String(failures[place][row]), value: (row) => failures[place][row] })),
    ...(meta.points ? [] : [
      { name: "SYN retries", long: "SYN retries per attempt", number: true, text: (row) => (retries[row] < 0 ? "-" : retries[row].toFixed(2)), value: (row) => retries[row] },
      { name: "Mean RTT", number: true, text: (row) => duration(rtt[row]), value: (row) => rtt[row] },
      { name: "Slowest set-up", number: true, text: (row) => duration(slowest[row]), value: (row) => slowest[row] },
    ]),
  ];
};

// Words that a row has to hold, all of them.
const wordsIn = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

const begin = async () => {
  const serversFilter = byId("servers-filter");
  const serverTable = new Table({
    box: byId("servers-box"), label: "Servers", columns: columnsOfServers(), size: meta.servers.name.length,
    link: (row) => `#show&server=${row}`, unit: "server", count: byId("servers-count"),
  });
  const filterServers = () => {
    const words = wordsIn(serversFilter.value);
    serverTable.filter((row) => words.every((word) => meta.servers.name[row].includes(word)));
  };
  serversFilter.addEventListener("input", filterServers);
  filterServers();

  const rows = await inflate("rows");
  const columns = columnsOfConnections(rows);
  const table = new Table({
    box: byId("connections-box"), label: "Connections", columns, size: rows.conn.length,
    link: (row) => `#conn-${rows.conn[row]}`, unit: "connection", count: byId("connections-count"),
  });
  table.title = (row) => `${columns[2].text(row)} → ${columns[3].text(row)}`;
  const rowOf = new Map(rows.conn.map((conn, row) => [conn, row]));

  const texts = [];
  const textOf = (row) => (texts[row] ??= columns.filter((column) => !column.number || column.name === "Conn").map((column) => column.text(row)).join(" ").toLowerCase());

  const filter = byId("connections-filter");
  const select = byId("connections-outcome");
  const chips = byId("connections-chips");
  const counts = new Map();
  for (const outcome of rows.outcome) counts.set(outcome, (counts.get(outcome) || 0) + 1);
  const isFailed = (row) => meta.outcomes[rows.outcome[row]].failure >= 0;
  const failed = rows.outcome.reduce((sum, _, row) => sum + isFailed(row), 0);
  select.append(make("option", { value: "" }, `all (${rows.conn.length.toLocaleString("en")})`), make("option", { value: "failed" }, `failed (${failed.toLocaleString("en")})`));
  for (const [outcome, number] of [...counts].sort((a, b) => b[1] - a[1])) {
    const { label } = meta.outcomes[outcome];
    select.append(make("option", { value: label }, `${label} (${number.toLocaleString("en")})`));
  }

  let state = new URLSearchParams();

  const chip = (text, ...keys) => {
    const without = new URLSearchParams(state);
    keys.forEach((key) => without.delete(key));
    return make("a", { class: "chip so", href: `#show&${without}`, "aria-label": `Remove: ${text}` }, `${text} ✕`);
  };

  const apply = () => {
    const words = wordsIn(state.get("q") || "");
    const outcome = state.get("outcome") || "";
    const [failure, server, from, to] = ["failure", "server", "from", "to"].map((key) => (state.has(key) ? Number(state.get(key)) : null));
    const group = state.has("group") ? Number(state.get("group")) : null;
    const conns = group === null ? null : new Set(meta.groups[group - 1]);
    table.filter((row) => {
      const { label, failure: column } = meta.outcomes[rows.outcome[row]];
      return (
        (outcome === "" || (outcome === "failed" ? column >= 0 : label === outcome)) &&
        (failure === null || column === failure) &&
        (server === null || rows.server[row] === server) &&
        (from === null || rows.time[row] >= from) &&
        (to === null || rows.time[row] < to) &&
        (conns === null || conns.has(rows.conn[row])) &&
        words.every((word) => textOf(row).includes(word))
      );
    });
    if (filter.value !== (state.get("q") || "") && document.activeElement !== filter) filter.value = state.get("q") || "";
    select.value = outcome;
    chips.replaceChildren();
    if (failure !== null) chips.append(chip(meta.failures[failure], "failure"));
    if (server !== null) chips.append(chip(meta.servers.name[server], "server"));
    if (from !== null && to !== null) chips.append(chip(`${moment(rows, Math.max(from, 0)).replace(/\.?0+$/, "")} to ${moment(rows, to).replace(/\.?0+$/, "")}`, "from", "to"));
    if (group !== null) chips.append(chip(`group ${group}`, "group"));
    chips.querySelectorAll("a").forEach((link) => link.addEventListener("click", () => (keepPlace = true)));
  };

  // A filter that is removed leaves the page where it is.
  let keepPlace = false;

  const follow = (first) => {
    const { hash } = location;
    const conn = /^#conn-(\d+)$/.exec(hash);
    if (conn) {
      const row = rowOf.get(Number(conn[1]));
      if (first) apply();
      if (row === undefined) {
        dialog.close();
        byId("connections-count").textContent = `Connection ${conn[1]} is not in this page.`;
        return;
      }
      if (!first && !dialog.open) cameFrom = true;
      table.reveal(row);
      openDetail(rows, row, table).catch((error) => byId("detail-body").append(make("p", { class: "note" }, `This cannot be shown: ${error.message}`)));
      return;
    }
    dialog.close();
    cameFrom = false;
    if (hash.startsWith("#show")) {
      state = new URLSearchParams(hash.slice("#show".length + 1));
      apply();
      if (!keepPlace) byId("connections").scrollIntoView();
      keepPlace = false;
    } else if (first || hash === "") {
      state = new URLSearchParams();
      apply();
    }
  };

  const change = (key, value) => {
    if (value) state.set(key, value);
    else state.delete(key);
    history.replaceState(null, "", `#show&${state}`);
    apply();
  };
  filter.addEventListener("input", () => change("q", filter.value.trim()));
  select.addEventListener("change", () => change("outcome", select.value));
  addEventListener("hashchange", () => follow(false));
  document.querySelectorAll("main pre.cmd").forEach(copyable);
  follow(true);
  document.documentElement.dataset.ready = "yes";
};

if (typeof DecompressionStream === "undefined" || typeof dialog.showModal === "undefined") {
  document.documentElement.classList.add("too-old");
  byId("servers").before(make("p", { class: "note" }, "The tables need a newer browser (of 2023 or later). What is above, and the connections at the end, can be read in this one."));
} else {
  document.documentElement.classList.add("scripted");
  begin().catch((error) => byId("servers").before(make("p", { class: "note" }, `The tables cannot be shown: ${error.message}`)));
}
