// Lists the models, newest first, with the figures of their trainings.

import { byId, setText, show } from "./dom.js";
import { date, figure, share, whole } from "./format.js";
import { Table } from "./table.js";

const test = ({ metrics }) => metrics.test_metrics ?? {};
const loss = ({ metrics }) => metrics.training_metrics?.final_val_loss;
const trainedOn = ({ metadata }) => [...(metadata.symbols ?? []), ...(metadata.timeframes ?? [])].join(" ");
const created = (model) => model.created_at ?? "";
const ofTest = (name, field) => ({
  name, number: true, text: (model) => share(test(model)[field]), value: (model) => test(model)[field],
});

const COLUMNS = [
  { name: "Model", text: (model) => model.name },
  { name: "Strategy", text: ({ metadata }) => metadata.strategy_name ?? "" },
  { name: "Trained on", text: trainedOn },
  ofTest("Test accuracy", "test_accuracy"),
  { ...ofTest("Majority share", "majority_share"), title: "The accuracy of always giving the most frequent answer" },
  ofTest("F1", "f1_score"),
  { name: "Validation loss", number: true, text: (model) => figure(loss(model), 3), value: loss },
  {
    name: "Features", number: true, text: ({ features }) => whole(features.names?.length),
    value: ({ features }) => features.names?.length,
  },
  { name: "Created", text: (model) => date(created(model)), value: created },
];

let table = null;

export function showModels({ models, total_count: total }) {
  table ??= new Table(byId("models"), {
    label: "Models", columns: COLUMNS, key: (model) => model.name,
    more: ({ metrics }) => (metrics.warnings ?? []).join(" "),
  });
  table.show([...models].sort((a, b) => String(created(b)).localeCompare(String(created(a)))));
  setText(byId("models-count"), models.length < total ? `the newest ${models.length} of ${total}` : String(total || ""));
  show(byId("models"), models.length > 0);
  show(byId("models-empty"), models.length === 0);
}
