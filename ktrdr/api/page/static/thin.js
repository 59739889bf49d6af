// Chooses which of many values are drawn.

// Returns places of `values`, ascending: all, or about `most`, with the lowest and the highest of each stretch.
export function thinned(values, most) {
  if (values.length <= most) return Array.from(values, (_, at) => at);
  const kept = new Set([0, values.length - 1]);
  const stretch = (2 * values.length) / most;
  for (let begin = 0; begin < values.length; begin += stretch) {
    const end = Math.min(begin + stretch, values.length);
    let low = Math.floor(begin);
    let high = low;
    for (let at = low; at < end; at += 1) {
      if (values[at] < values[low]) low = at;
      if (values[at] > values[high]) high = at;
    }
    kept.add(low).add(high);
  }
  return [...kept].sort((a, b) => a - b);
}
