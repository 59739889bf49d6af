// Figures and times as people read them.

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NOTHING = "–";
const GAP = "\u00a0"; // keeps a figure and its unit on one line

const quote = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 7 });
const amount = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

export const whole = (value) => (isNumber(value) ? amount.format(value) : NOTHING);
export const exact = (value) => (isNumber(value) ? money.format(value) : NOTHING);
export const figure = (value, digits = 2) => (isNumber(value) ? value.toFixed(digits) : NOTHING);
export const percent = (value, digits = 1) => (isNumber(value) ? `${value.toFixed(digits)}${GAP}%` : NOTHING);
export const share = (value) => percent(isNumber(value) ? 100 * value : value);
export const gain = (value) => (isNumber(value) ? `${value > 0 ? "+" : ""}${value.toFixed(2)}${GAP}%` : NOTHING);

export const price = (value) => (isNumber(value) ? quote.format(value) : NOTHING);
export const size = (bytes) => (bytes < 1e6 ? `${whole(bytes / 1e3)}${GAP}kB` : `${whole(bytes / 1e6)}${GAP}MB`);
export const rate = (value) => (isNumber(value) ? `${quote.format(100 * value)}${GAP}%` : NOTHING);

const asDate = (text) => new Date(text ?? NaN);
const isDate = (date) => !Number.isNaN(date.getTime());

export const dateTime = (text) => (isDate(asDate(text)) ? `${moment.format(asDate(text))} UTC` : NOTHING);
export const date = (text) => (isDate(asDate(text)) ? day.format(asDate(text)) : NOTHING);
export const minute = (text) => (isDate(asDate(text)) ? asDate(text).toISOString().slice(0, 16).replace("T", " ") : NOTHING);
export const range = (from, to) => (from || to ? `${from ? date(from) : "first bar"} to ${to ? date(to) : "last bar"}` : "all bars");

export function duration(seconds) {
  const rest = Math.max(0, Math.round(seconds));
  if (rest < MINUTE) return `${rest}${GAP}s`;
  if (rest < HOUR) return `${Math.floor(rest / MINUTE)}${GAP}min`;
  if (rest < DAY) return `${Math.floor(rest / HOUR)}${GAP}h ${Math.floor((rest % HOUR) / MINUTE)}${GAP}min`;
  return `${Math.floor(rest / DAY)}${GAP}d ${Math.floor((rest % DAY) / HOUR)}${GAP}h`;
}

export const between = (from, to) => duration((asDate(to) - asDate(from)) / 1000);

export function ago(text) {
  const seconds = (Date.now() - asDate(text)) / 1000;
  return seconds < 5 ? "just now" : `${duration(seconds)} ago`;
}
