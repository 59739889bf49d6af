// Lists the strategies; shows, adds, changes and removes them.

import { get, remove, text, upload } from "./api.js";
import { byId, setText, show } from "./dom.js";
import { ask } from "./form.js";
import { Table } from "./table.js";

const YAML = "application/yaml";
const COLUMNS = [
  { name: "Strategy", text: (one) => one.name },
  { name: "Description", text: (one) => one.description },
  { name: "Symbols", text: (one) => one.symbols.join(" ") },
  { name: "Timeframes", text: (one) => one.timeframes.join(" ") },
  { name: "Origin", text: (one) => (one.shipped ? "shipped" : "own") },
];

let table = null;

export async function showStrategies(open) {
  const { strategies } = await get("strategies");
  table ??= new Table(byId("strategies"), {
    label: "Strategies", columns: COLUMNS, key: (one) => one.name, size: 10,
    more: (one) => (one.valid ? "" : `${one.issue_count} mistakes: it cannot be trained.`),
    act: { name: "Open", deed: open },
  });
  table.show(strategies);
}

export function addStrategy(done) {
  prepare("Add a strategy", "", { own: true, known: false });
  ask("strategy", async ({ yaml }) => {
    const { strategy_name: name } = await upload("POST", "strategies", yaml, YAML);
    return `Strategy ${name} is stored.`;
  }, done);
}

export async function openStrategy({ name, shipped }, done) {
  const path = `strategies/${encodeURIComponent(name)}`;
  prepare(`Strategy ${name}`, await text(`${path}/file`), { own: !shipped, known: true });
  ask("strategy", async ({ yaml, removal }) => {
    if (removal) {
      await remove(path);
      return `Strategy ${name} is removed.`;
    }
    const { models } = await upload("PUT", path, yaml, YAML);
    return `Strategy ${name} is stored.${models ? ` ${models} models keep it as it was.` : ""}`;
  }, done);
}

function prepare(title, yaml, { own, known }) {
  setText(byId("strategy-title"), title);
  byId("strategy-yaml").value = yaml;
  byId("strategy-yaml").readOnly = !own;
  byId("strategy-removal").checked = false;
  show(byId("strategy-remove"), own && known);
  show(byId("strategy-pick"), own);
  show(byId("strategy-send"), own);
  byId("strategy-file").value = "";
  byId("strategy-file").onchange = async ({ target }) => {
    if (target.files[0]) byId("strategy-yaml").value = await target.files[0].text();
  };
}
