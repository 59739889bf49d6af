// Lists the stored series, and uploads bars.

import { get, upload } from "./api.js";
import { byId, setText, show } from "./dom.js";
import { ask } from "./form.js";
import { date, size, whole } from "./format.js";
import { Table } from "./table.js";

const COLUMNS = [
  { name: "Symbol", text: (one) => one.symbol },
  { name: "Timeframe", text: (one) => one.timeframe },
  { name: "Bars", text: (one) => whole(one.points), value: (one) => one.points, number: true },
  { name: "First", text: (one) => date(one.start_date), value: (one) => one.start_date },
  { name: "Last", text: (one) => date(one.end_date), value: (one) => one.end_date },
  { name: "Size", text: (one) => size(one.size_bytes), value: (one) => one.size_bytes, number: true },
];

let table = null;

export async function showData() {
  const { data } = await get("data/info");
  table ??= new Table(byId("data"), {
    label: "Stored data", columns: COLUMNS, key: (one) => `${one.symbol} ${one.timeframe}`, size: 10,
  });
  table.show(data.series);
  setText(byId("data-count"), data.total_series ? `${whole(data.total_points)} bars` : "");
  show(byId("data"), data.series.length > 0);
  show(byId("data-empty"), data.series.length === 0);
}

export function uploadBars(done) {
  ask("upload-bars", async ({ file, symbol, timeframe, way, volume, dates }) => {
    const wishes = new URLSearchParams();
    if (way) wishes.set(way, "true");
    if (volume) wishes.set("missing_volume", "zero");
    if (dates) wishes.set("date_order", dates);
    const path = `data/${encodeURIComponent(symbol.trim())}/${timeframe}?${wishes}`;
    const { data } = await upload("POST", path, file, "text/csv");
    const told = `${data.symbol} ${data.timeframe}: ${whole(data.bars_added)} bars added, ${whole(data.points)} stored.`;
    return [told, ...data.notes].join(" ");
  }, done);
}
