// Shows one training: its losses and accuracies by epoch, while it runs and after. The newest is chosen at first.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { byId, make, reconcile, setText, show } from "./dom.js";
import { dateTime, figure, share } from "./format.js";
import { isMoving, titled } from "./operations.js";

let charts = null;
let chosen = "";
let shown = "";

export async function showTrainings() {
  const { operations } = await get("operations?operation_type=training&brief=true&limit=100");
  const begun = operations.filter((one) => one.started_at).map(titled);
  const select = byId("training-select");
  reconcile(select, begun, (one) => one.operation_id, () => make("option"), (option, one) => {
    option.value = one.operation_id;
    setText(option, `${one.metadata.request.strategy_name} · ${one.what} · ${dateTime(one.started_at)} · ${one.status}`);
  });
  show(byId("training-choice"), begun.length > 0);
  show(byId("training-empty"), begun.length === 0);
  show(byId("training"), begun.length > 0);
  select.onchange = () => {
    chosen = select.value;
    return showTrainings();
  };
  const one = begun.find(({ operation_id: id }) => id === chosen) ?? begun[0];
  if (one) await look(one);
}

export function chooseTraining(operationId) {
  chosen = operationId;
  return showTrainings();
}

async function look({ operation_id: id, status }) {
  byId("training-select").value = id;
  const state = `${id} ${status}`;
  if (shown === state && !isMoving({ status })) return;
  const { epochs } = await get(`operations/${encodeURIComponent(id)}/metrics`);
  charts ??= {
    loss: new Chart(byId("loss-curve"), { label: "Loss", counts: true }),
    accuracy: new Chart(byId("accuracy-curve"), { label: "Accuracy", counts: true, low: true }),
  };
  shown = state;
  draw(charts.loss, epochs, "loss", figure4);
  draw(charts.accuracy, epochs, "accuracy", share);
  show(byId("training-curves"), epochs.length > 0);
  show(byId("training-none"), epochs.length === 0);
}

const figure4 = (value) => figure(value, 4);

function draw(chart, epochs, kind, text) {
  const [train, validation] = ["train", "val"].map((part) => epochs.map((epoch) => epoch[`${part}_${kind}`]));
  chart.show({
    places: epochs.map(({ epoch }) => epoch),
    lines: [{ name: "validation", values: validation }, { name: "train", values: train }],
    tell: (at) => `Epoch ${epochs[at].epoch}: validation ${text(validation[at])}, training ${text(train[at])}`,
  });
}
