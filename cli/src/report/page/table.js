// A table whose rows are numbers: it sorts and filters those, and builds the rows of one page.

const PAGE = 50;

class Table {
  // A column has a name, the text of a row, the value to sort it by, and whether it is a number.
  constructor({ box, label, columns, size, link, unit, count }) {
    Object.assign(this, { box, columns, link, unit, count });
    this.size = size;
    this.order = Array.from({ length: size }, (_, row) => row);
    this.shown = this.order;
    this.keeps = () => true;
    this.sort = { column: -1, down: false };
    this.page = 0;
    this.heads = columns.map((column, place) => {
      const button = make("button", { type: "button" }, column.name);
      button.addEventListener("click", () => this.sortBy(place));
      return make("th", { scope: "col", role: "columnheader", class: column.number ? "num" : false, "aria-sort": "none" }, button);
    });
    this.body = make("tbody", { role: "rowgroup" });
    const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...this.heads));
    this.table = make("table", { role: "table", class: "cards", "aria-label": label }, head, this.body);
    this.before = make("button", { type: "button" }, "‹ Previous");
    this.after = make("button", { type: "button" }, "Next ›");
    this.where = make("span", {});
    this.pager = make("div", { class: "pager" }, this.before, this.where, this.after);
    this.before.addEventListener("click", () => this.turn(-1));
    this.after.addEventListener("click", () => this.turn(1));
    this.body.addEventListener("click", (event) => this.open(event));
    this.body.addEventListener("keydown", (event) => this.step(event));
    box.append(this.table);
    box.after(this.pager);
  }

  // Opens a row that is clicked beside its link, unless text is being selected.
  open(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.closest("a") || String(getSelection())) return;
    row.querySelector("a").click();
  }

  // Arrow keys go from row to row.
  step(event) {
    const way = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const next = way && event.target.closest("tr")?.[way]?.querySelector("a");
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  turn(pages) {
    this.page += pages;
    this.draw();
    this.box.scrollIntoView({ block: "nearest" });
  }

  sortBy(place) {
    const down = this.sort.column === place ? !this.sort.down : Boolean(this.columns[place].number && !this.columns[place].rising);
    this.sort = { column: place, down };
    this.heads.forEach((head, other) => {
      head.setAttribute("aria-sort", other !== place ? "none" : down ? "descending" : "ascending");
    });
    const { value } = this.columns[place];
    const values = Array.from({ length: this.size }, (_, row) => value(row));
    // No value comes last, whichever way.
    const missing = (row) => values[row] === -1 || values[row] === "";
    const compare = typeof values[0] === "string" ? new Intl.Collator("en", { numeric: true }).compare : (a, b) => a - b;
    this.order = Array.from({ length: this.size }, (_, row) => row);
    this.order.sort((a, b) => {
      const last = missing(a) - missing(b);
      const first = last || (down ? compare(values[b], values[a]) : compare(values[a], values[b]));
      return first || a - b;
    });
    this.filter(this.keeps);
  }

  filter(keeps) {
    this.keeps = keeps;
    this.shown = this.order.filter(keeps);
    this.page = 0;
    this.draw();
  }

  // Shows the page that a row is on.
  reveal(row) {
    const place = this.shown.indexOf(row);
    if (place >= 0 && Math.floor(place / PAGE) !== this.page) {
      this.page = Math.floor(place / PAGE);
      this.draw();
    }
  }

  draw() {
    const pages = Math.max(1, Math.ceil(this.shown.length / PAGE));
    this.page = Math.min(Math.max(this.page, 0), pages - 1);
    const rows = this.shown.slice(this.page * PAGE, (this.page + 1) * PAGE);
    this.body.replaceChildren(...rows.map((row) => this.row(row)));
    if (rows.length === 0) {
      const cell = make("td", { colspan: this.columns.length, role: "cell", class: "none" }, `No ${this.unit} matches.`);
      this.body.append(make("tr", { role: "row" }, cell));
    }
    const all = this.shown.length === this.size ? "" : ` of ${this.size.toLocaleString("en")}`;
    this.count.textContent = `${this.shown.length.toLocaleString("en")}${all} ${this.unit}${this.size === 1 ? "" : "s"}`;
    const from = this.page * PAGE;
    this.where.textContent = `${(from + 1).toLocaleString("en")}–${(from + rows.length).toLocaleString("en")} of ${this.shown.length.toLocaleString("en")}`;
    this.pager.hidden = pages === 1;
    this.before.disabled = this.page === 0;
    this.after.disabled = this.page === pages - 1;
  }

  row(row) {
    const cells = this.columns.map((column, place) => {
      const text = column.text(row);
      const classes = [column.number ? "num" : "", column.class ? column.class(row) : "", column.size || ""].join(" ").trim();
      const attributes = { role: "cell", class: classes || false, "data-label": column.name };
      if (place > 0) return make("td", attributes, column.chip ? make("span", { class: `chip ${column.chip(row)}` }, text) : text);
      return make("td", attributes, make("a", { href: this.link(row) }, text));
    });
    return make("tr", { role: "row" }, ...cells);
  }
}
