// Maps values to positions on an axis, and chooses round values for its ticks.

const DAY_MS = 86_400_000;
const STEPS_MS = [1 / 24, 1 / 4, 1, 2, 7, 14, 30, 61, 91, 182, 365, 730, 1826, 3652].map((days) => days * DAY_MS);

export function scale([from, to], [start, end]) {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

export function roundMarks(from, to, wanted) {
  const raw = (to - from || 1) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) * power;
  const marks = [];
  for (let mark = Math.ceil(from / step) * step; mark <= to + step * 1e-9; mark += step) marks.push(mark);
  return marks;
}

export function timeMarks(from, to, wanted) {
  const raw = (to - from || DAY_MS) / wanted;
  const step = STEPS_MS.find((known) => known >= raw) ?? STEPS_MS.at(-1);
  const marks = [];
  for (let mark = Math.ceil(from / step) * step; mark <= to; mark += step) marks.push(mark);
  return marks;
}

export const countMarks = (from, to, wanted) => roundMarks(from, to, wanted).filter(Number.isInteger);
