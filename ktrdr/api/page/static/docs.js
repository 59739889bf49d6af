// Shows what /openapi.json describes: every route, its parameters, its body and its answers.

import { byId, make, setText, show } from "./dom.js";
import { shape } from "./shape.js";

const METHODS = ["get", "post", "put", "delete"];

async function start() {
  const answer = await fetch("/openapi.json");
  if (!answer.ok) throw new Error(`The backend answers ${answer.status}.`);
  const api = await answer.json();
  const routes = Object.entries(api.paths).flatMap(([path, methods]) => METHODS
    .filter((method) => methods[method])
    .map((method) => ({ path, method, route: methods[method] })));
  const entries = routes.map((one) => ({ ...one, element: entry(one, api) }));
  for (const tag of new Set(routes.map(({ route }) => route.tags?.[0] ?? "more"))) {
    const own = entries.filter(({ route }) => (route.tags?.[0] ?? "more") === tag).map(({ element }) => element);
    byId("docs").append(make("section", {}, make("h2", {}, tag), make("div", { class: "panel routes" }, ...own)));
  }
  byId("docs-filter").addEventListener("input", () => filter(entries));
  filter(entries);
}

function filter(entries) {
  const words = byId("docs-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { path, method, route, element } of entries) {
    const text = `${method} ${path} ${route.description ?? ""}`.toLowerCase();
    const fits = words.every((word) => text.includes(word));
    shown += Number(fits);
    show(element, fits);
  }
  for (const section of byId("docs").children) show(section, Boolean(section.querySelector("details:not([hidden])")));
  setText(byId("docs-count"), `${shown} of ${entries.length} routes`);
}

function entry({ path, method, route }, api) {
  const [first, ...rest] = (route.description ?? route.summary ?? "").split("\n");
  const details = make(
    "details", {},
    make("summary", {}, make("code", { class: "verb" }, method.toUpperCase()), " ", make("code", {}, path), " ", first),
  );
  // What is inside is made when it is opened: all routes at once would be a long page.
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(
      ...(rest.join(" ").trim() ? [make("p", {}, rest.join(" ").trim())] : []),
      ...parameters(route.parameters ?? [], api),
      ...contents("Body", route.requestBody, api),
      ...Object.entries(route.responses ?? {}).flatMap(([status, answer]) => contents(`Answer ${status}`, answer, api)),
    );
  });
  return details;
}

function parameters(found, api) {
  if (!found.length) return [];
  const row = (one) => make(
    "tr", {},
    make("th", { scope: "row" }, make("code", {}, one.name)), make("td", {}, one.required ? `${one.in}, required` : one.in),
    make("td", {}, make("code", {}, shape(one.schema ?? {}, api)), one.description ? ` ${one.description}` : ""),
  );
  const heads = ["Parameter", "In", "Value"].map((name) => make("th", { scope: "col" }, name));
  const region = { class: "scroll", role: "region", "aria-label": "Parameters", tabindex: "0" };
  return [make("div", region, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...found.map(row))))];
}

function contents(name, described, api) {
  if (!described) return [];
  const told = [name, described.description].filter(Boolean).join(": ");
  const kinds = Object.entries(described.content ?? {}).flatMap(([type, { schema }]) => [
    make("p", { class: "detail" }, type),
    make("pre", { tabindex: "0", role: "region", "aria-label": `${name} as ${type}` }, shape(schema ?? {}, api)),
  ]);
  return [make("h3", {}, told), ...kinds];
}

start().catch((error) => {
  setText(byId("docs-wrong"), `The description cannot be read: ${error.message}`);
  show(byId("docs-wrong"), true);
});
