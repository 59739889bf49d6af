// Draws the equity curve as SVG, with a line at the initial capital and a pointer that shows each point's value.

import { make, makeSvg, setAttribute, setText } from "./dom.js";
import { dateTime, exact, gain, whole } from "./format.js";
import { roundMarks, scale, timeMarks } from "./scale.js";

const HEIGHT = 300;
const EDGE = { top: 16, right: 12, bottom: 28, left: 66 };
const NARROW = 520;
const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -25, PageUp: 25, Home: -Infinity, End: Infinity };

const shortDate = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "2-digit", timeZone: "UTC" });

export class Curve {
  constructor(place) {
    this.points = [];
    this.told = make("p", { class: "told" });
    this.frame = make("div", { class: "frame", role: "slider", tabindex: "0", "aria-label": "Equity, point by point" });
    place.append(this.told, this.frame);
    this.frame.addEventListener("pointermove", (event) => this.pointTo(this.nearest(event.offsetX)));
    this.frame.addEventListener("pointerleave", () => this.pointTo(this.points.length - 1));
    this.frame.addEventListener("keydown", (event) => this.press(event));
    // With the next frame: a drawing that changes the layout inside the observer would be an error of its own
    new ResizeObserver(() => requestAnimationFrame(() => this.draw())).observe(this.frame);
  }

  // `curve` is a list of {timestamp, equity}; `start` is the capital at first.
  show(curve, start) {
    this.points = curve.map(({ timestamp, equity }) => ({ timestamp, equity, time: Date.parse(timestamp) }));
    this.start = start ?? this.points[0]?.equity ?? 0;
    this.at = this.points.length - 1;
    this.draw();
  }

  draw() {
    const width = this.frame.clientWidth;
    if (!width || !this.points.length) return;
    const times = this.points.map((point) => point.time);
    const values = [this.start, ...this.points.map((point) => point.equity)];
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
    const air = (high - low || Math.abs(high) || 1) * 0.06;
    this.x = scale([times[0], times.at(-1)], [EDGE.left, width - EDGE.right]);
    this.y = scale([low - air, high + air], [HEIGHT - EDGE.bottom, EDGE.top]);
    const places = this.points.map(({ time, equity }) => `${this.x(time).toFixed(1)},${this.y(equity).toFixed(1)}`);
    const foot = HEIGHT - EDGE.bottom;
    this.hand = makeSvg("line", { class: "hand", y1: EDGE.top, y2: foot });
    this.dot = makeSvg("circle", { class: "dot", r: 4 });
    const drawing = makeSvg(
      "svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" },
      ...this.grid(width, low - air, high + air, times),
      makeSvg("polygon", {
        class: "area",
        points: `${this.x(times[0])},${foot} ${places.join(" ")} ${this.x(times.at(-1))},${foot}`,
      }),
      makeSvg("line", {
        class: "start", x1: EDGE.left, x2: width - EDGE.right, y1: this.y(this.start), y2: this.y(this.start),
      }),
      makeSvg("polyline", { class: "equity", points: places.join(" ") }),
      this.hand,
      this.dot,
    );
    this.frame.replaceChildren(drawing);
    this.pointTo(this.at);
  }

  grid(width, low, high, times) {
    const values = roundMarks(low, high, 5).flatMap((mark) => [
      makeSvg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: this.y(mark), y2: this.y(mark) }),
      makeSvg("text", { class: "mark", x: EDGE.left - 8, y: this.y(mark) + 4, "text-anchor": "end" }, whole(mark)),
    ]);
    const dates = timeMarks(times[0], times.at(-1), width < NARROW ? 3 : 7)
      .filter((mark) => this.x(mark) < width - 40)
      .map((mark) => makeSvg(
        "text", { class: "mark", x: this.x(mark), y: HEIGHT - 8, "text-anchor": "middle" }, shortDate.format(mark),
      ));
    return [...values, ...dates];
  }

  nearest(place) {
    let best = 0;
    let [low, high] = [0, this.points.length - 1];
    while (low <= high) {
      best = (low + high) >> 1;
      if (this.x(this.points[best].time) < place) low = best + 1;
      else high = best - 1;
    }
    return best;
  }

  press(event) {
    const step = KEYS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this.pointTo(Math.min(Math.max(this.at + step, 0), this.points.length - 1));
  }

  pointTo(place) {
    const point = this.points[place];
    if (!point) return;
    this.at = place;
    const [x, y] = [this.x(point.time), this.y(point.equity)];
    for (const [name, value] of [["x1", x], ["x2", x]]) setAttribute(this.hand, name, String(value));
    for (const [name, value] of [["cx", x], ["cy", y]]) setAttribute(this.dot, name, String(value));
    const change = gain(100 * (point.equity / this.start - 1));
    const text = `${dateTime(point.timestamp)}: ${exact(point.equity)} (${change})`;
    setText(this.told, text);
    const values = { min: 1, max: this.points.length, now: place + 1, text };
    for (const [name, value] of Object.entries(values)) setAttribute(this.frame, `aria-value${name}`, String(value));
  }
}
