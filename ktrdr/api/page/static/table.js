// A table that is filtered, sorted and paged where it stands.

import { make, reconcile, setAttribute, setText, show } from "./dom.js";

export class Table {
  // `columns` have a `name`, a `text` of a row, a `value` to sort by where that is not the text, and may be a `number`.
  // `key` names a row. The first column heads its row; `more` returns a warning to stand below it.
  constructor(place, { label, columns, key, more = () => "", size = 20, act = null }) {
    Object.assign(this, { columns, key, more, size, act, rows: [], page: 0, by: null, down: false });
    this.heads = columns.map((column) => this.head(column));
    const tail = act ? [make("th", { scope: "col" }, make("span", { class: "unseen" }, "Action"))] : [];
    this.body = make("tbody");
    this.filter = make("input", { type: "search", "aria-label": `Filter: ${label}`, placeholder: "Filter" });
    this.filter.addEventListener("input", () => this.turn(0));
    this.told = make("span", { class: "count", role: "status" });
    this.back = make("button", { type: "button", "aria-label": `Earlier page: ${label}` }, "‹");
    this.on = make("button", { type: "button", "aria-label": `Next page: ${label}` }, "›");
    this.back.addEventListener("click", () => this.turn(this.page - 1));
    this.on.addEventListener("click", () => this.turn(this.page + 1));
    place.append(
      make("div", { class: "tools" }, this.filter, this.told, this.back, this.on),
      make(
        "div", { class: "scroll", role: "region", "aria-label": `Table: ${label}`, tabindex: "0" },
        make("table", {}, make("thead", {}, make("tr", {}, ...this.heads, ...tail)), this.body),
      ),
    );
  }

  head(column) {
    const button = make("button", { type: "button", class: "sort" }, column.name);
    if (column.title) button.title = column.title;
    button.addEventListener("click", () => this.sort(column));
    return make("th", { scope: "col", ...(column.number ? { class: "number" } : {}) }, button);
  }

  sort(column) {
    this.down = this.by === column ? !this.down : false;
    this.by = column;
    this.columns.forEach((one, at) => {
      if (one === column) this.heads[at].setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else this.heads[at].removeAttribute("aria-sort");
    });
    this.turn(0);
  }

  show(rows) {
    this.rows = rows;
    this.turn(this.page);
  }

  turn(page) {
    const found = this.sorted(this.matching());
    const pages = Math.max(1, Math.ceil(found.length / this.size));
    this.page = Math.min(Math.max(page, 0), pages - 1);
    const first = this.page * this.size;
    const shown = found.slice(first, first + this.size);
    reconcile(this.body, shown, this.key, () => this.create(), (row, item) => this.update(row, item));
    setText(this.told, shown.length ? `${first + 1} to ${first + shown.length} of ${found.length}` : "None");
    this.back.disabled = this.page === 0;
    this.on.disabled = this.page === pages - 1;
    for (const button of [this.back, this.on]) show(button, pages > 1);
  }

  matching() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const whole = (row) => this.columns.map(({ text }) => text(row)).join(" ").toLowerCase();
    return words.length ? this.rows.filter((row) => words.every((word) => whole(row).includes(word))) : this.rows;
  }

  sorted(rows) {
    if (!this.by) return rows;
    const value = this.by.value ?? this.by.text;
    const sign = this.down ? -1 : 1;
    return [...rows].sort((a, b) => sign * compare(value(a), value(b)));
  }

  create() {
    const [first, ...rest] = this.columns.map(({ number }) => (number ? { class: "number" } : {}));
    const name = make("th", { scope: "row", ...first }, make("span"), make("p", { class: "warning" }));
    const row = make("tr", {}, name, ...rest.map((attributes) => make("td", attributes)));
    if (this.act) {
      const button = make("button", { type: "button" }, this.act.name);
      button.addEventListener("click", () => this.act.deed(row.item));
      row.append(make("td", {}, button));
    }
    return row;
  }

  update(row, item) {
    row.item = item;
    const [name, warning] = row.firstElementChild.children;
    setText(name, this.columns[0].text(item));
    setText(warning, this.more(item));
    show(warning, Boolean(this.more(item)));
    this.columns.slice(1).forEach(({ text }, at) => setText(row.children[at + 1], text(item)));
    if (!this.act) return;
    const button = row.lastElementChild.firstElementChild;
    show(button, this.act.fits?.(item) ?? true);
    setAttribute(button, "aria-label", `${this.act.name}: ${this.key(item)}`);
  }
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a ?? "").localeCompare(String(b ?? ""), "en", { numeric: true });
}
