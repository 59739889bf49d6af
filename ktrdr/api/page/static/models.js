// Lists the models, newest first, with the figures of their trainings.

import { byId, make, reconcile, setText, show } from "./dom.js";
import { date, figure, share, whole } from "./format.js";

export function showModels(models) {
  const newest = [...models].sort((a, b) => String(created(b)).localeCompare(String(created(a))));
  reconcile(byId("models-rows"), newest, (model) => model.name, create, update);
  setText(byId("models-count"), models.length ? String(models.length) : "");
  show(byId("models"), models.length > 0);
  show(byId("models-empty"), models.length === 0);
}

const created = (model) => model.created_at ?? "";

function create() {
  const cells = Array.from({ length: 8 }, (_, place) => make("td", place >= 2 && place <= 6 ? { class: "number" } : {}));
  const name = make("th", { scope: "row" }, make("span"), make("p", { class: "warning" }));
  return make("tr", {}, name, ...cells);
}

function update(row, model) {
  const { metadata, metrics, features } = model;
  const texts = [
    metadata.strategy_name ?? "",
    [...(metadata.symbols ?? []), ...(metadata.timeframes ?? [])].join(" "),
    share(metrics.test_metrics?.test_accuracy),
    share(metrics.test_metrics?.majority_share),
    share(metrics.test_metrics?.f1_score),
    figure(metrics.training_metrics?.final_val_loss, 3),
    whole(features.names?.length),
    date(created(model)),
  ];
  texts.forEach((text, place) => setText(row.children[place + 1], text));
  const [name, warning] = row.firstElementChild.children;
  const warnings = metrics.warnings ?? [];
  setText(name, model.name);
  setText(warning, warnings.join(" "));
  show(warning, warnings.length > 0);
}
