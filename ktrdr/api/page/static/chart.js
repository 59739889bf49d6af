// Draws lines as SVG, with a pointer that tells each point's values; by mouse, finger or keyboard.

import { make, makeSvg, setAttribute, setText } from "./dom.js";
import { scale, countMarks, roundMarks, timeMarks } from "./scale.js";
import { thinned } from "./thin.js";

const EDGE = { top: 16, right: 12, bottom: 28, left: 66 };
const NARROW = 520;
const MOST = 2000; // points of a line that are drawn; the pointer reads all of them
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -25, PageUp: 25, Home: -Infinity, End: Infinity };

const shortDate = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "2-digit", timeZone: "UTC" });
const short = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 7 });

const asDates = { marks: timeMarks, text: (mark) => shortDate.format(mark) };
const asCounts = { marks: countMarks, text: String };

export class Chart {
  // `label` names the values; a `low` chart has half the height; `counts` are whole numbers in place of times.
  constructor(place, { label, low = false, counts = false }) {
    this.height = low ? 150 : 300;
    this.axis = counts ? asCounts : asDates;
    this.clear();
    this.told = make("p", { class: "told" });
    this.frame = make("div", {
      class: low ? "frame low" : "frame", role: "slider", tabindex: "0", "aria-label": `${label}, point by point`,
    });
    place.append(this.told, this.frame);
    this.frame.addEventListener("pointermove", (event) => this.pointTo(this.nearest(event.offsetX)));
    this.frame.addEventListener("pointerleave", () => this.pointTo(this.places.length - 1));
    this.frame.addEventListener("keydown", (event) => this.press(event));
    // With the next frame: a drawing that changes the layout inside the observer would be an error of its own
    new ResizeObserver(() => requestAnimationFrame(() => this.draw())).observe(this.frame);
  }

  clear() {
    Object.assign(this, { places: [], lines: [], base: null, marks: [], tell: () => "", at: -1 });
  }

  // `places` are the points on the axis, ascending (milliseconds, or counts). Each of `lines` has a `name` (its class),
  // `values`, one a place, and may have an `area`. `base` is a value that a line of its own marks. `marks` are
  // {name, path} with path(x, y) as SVG. `tell` returns a point's text.
  show({ places, lines, base = null, marks = [], tell }) {
    const atEnd = this.at === this.places.length - 1;
    Object.assign(this, { places, lines, base, marks, tell });
    this.at = atEnd ? places.length - 1 : Math.min(this.at, places.length - 1);
    this.draw();
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width) return;
    if (!this.places.length) {
      this.frame.replaceChildren();
      setText(this.told, "");
      return;
    }
    const [low, high] = this.range();
    const foot = this.height - EDGE.bottom;
    this.x = scale([this.places[0], this.places.at(-1)], [EDGE.left, width - EDGE.right]);
    this.y = scale([low, high], [foot, EDGE.top]);
    this.hand = makeSvg("line", { class: "hand", y1: EDGE.top, y2: foot });
    this.dot = makeSvg("circle", { class: "dot", r: 4 });
    const drawing = makeSvg(
      "svg", { width, height: this.height, viewBox: `0 0 ${width} ${this.height}`, "aria-hidden": "true" },
      ...this.grid(width, low, high),
      ...this.lines.flatMap((line) => this.line(line)),
      ...(this.base === null ? [] : [this.level("start", this.base, width)]),
      ...this.marks.map(({ name, path }) => makeSvg("path", { class: name, d: path(this.x, this.y) })),
      this.hand,
      this.dot,
    );
    this.frame.replaceChildren(drawing);
    this.pointTo(this.at);
  }

  range() {
    let [low, high] = this.base === null ? [Infinity, -Infinity] : [this.base, this.base];
    for (const { values } of this.lines) {
      for (const value of values) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    const air = (high - low || Math.abs(high) || 1) * 0.06;
    return [low - air, high + air];
  }

  line({ name, values, area = false }) {
    const points = thinned(values, MOST).map((at) => `${this.x(this.places[at]).toFixed(1)},${this.y(values[at]).toFixed(1)}`);
    const line = makeSvg("polyline", { class: name, points: points.join(" ") });
    if (!area) return [line];
    const foot = this.height - EDGE.bottom;
    const [first, last] = [this.x(this.places[0]), this.x(this.places.at(-1))];
    return [makeSvg("polygon", { class: "area", points: `${first},${foot} ${points.join(" ")} ${last},${foot}` }), line];
  }

  level(name, value, width) {
    return makeSvg("line", { class: name, x1: EDGE.left, x2: width - EDGE.right, y1: this.y(value), y2: this.y(value) });
  }

  grid(width, low, high) {
    const values = roundMarks(low, high, this.height < 200 ? 3 : 5).flatMap((mark) => [
      this.level("grid", mark, width),
      makeSvg("text", { class: "mark", x: EDGE.left - 8, y: this.y(mark) + 4, "text-anchor": "end" }, short.format(mark)),
    ]);
    const feet = this.axis.marks(this.places[0], this.places.at(-1), width < NARROW ? 3 : 7)
      .filter((mark) => this.x(mark) < width - 40)
      .map((mark) => makeSvg(
        "text", { class: "mark", x: this.x(mark), y: this.height - 8, "text-anchor": "middle" }, this.axis.text(mark),
      ));
    return [...values, ...feet];
  }

  nearest(place) {
    let best = 0;
    let [low, high] = [0, this.places.length - 1];
    while (low <= high) {
      best = (low + high) >> 1;
      if (this.x(this.places[best]) < place) low = best + 1;
      else high = best - 1;
    }
    return best;
  }

  press(event) {
    const step = KEYS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.pointTo(Math.min(Math.max(this.at + step, 0), this.places.length - 1));
  }

  pointTo(at) {
    if (!(at in this.places) || !this.hand) return;
    this.at = at;
    const [x, y] = [this.x(this.places[at]), this.y(this.lines[0].values[at])];
    for (const [name, value] of [["x1", x], ["x2", x]]) setAttribute(this.hand, name, String(value));
    for (const [name, value] of [["cx", x], ["cy", y]]) setAttribute(this.dot, name, String(value));
    const text = this.tell(at);
    setText(this.told, text);
    const values = { min: 1, max: this.places.length, now: at + 1, text };
    for (const [name, value] of Object.entries(values)) setAttribute(this.frame, `aria-value${name}`, String(value));
  }
}
