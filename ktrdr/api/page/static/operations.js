// Lists the operations: progress, reason of failure, and buttons to cancel or retry.

import { byId, make, reconcile, setAttribute, setText, show } from "./dom.js";
import { ago, between, percent } from "./format.js";

const TYPES = { training: "Training", backtesting: "Backtest", prediction: "Prediction", data_load: "Upload" };
const MOVING = new Set(["pending", "running"]);

export const isMoving = (operation) => MOVING.has(operation.status);

export const OVERLAP = "The model was trained on bars of this range.";
export const sawItsBars = (operation) => operation.metadata.request.overlaps_training === true;

export function titled(operation) {
  const { strategy_name: strategy, symbol, symbols, timeframe, timeframes } = operation.metadata.request;
  const what = [...(symbols ?? [symbol]), ...(timeframes ?? [timeframe])].filter(Boolean).join(" ");
  const title = `${TYPES[operation.operation_type] ?? operation.operation_type} of ${strategy ?? what}`;
  return { ...operation, title, what: strategy ? what : "" };
}

// `acts` provides cancel(operation), retry(operation) and look(operation).
export function showOperations(operations, total, acts) {
  const repeated = new Set(operations.filter(isMoving).map((one) => one.metadata.retry_of));
  const rows = operations.map((one) => ({ ...one, repeated: repeated.has(one.operation_id) }));
  reconcile(byId("operations"), rows, (one) => one.operation_id, () => create(acts), update);
  const running = operations.filter(isMoving).length;
  const told = [running ? `${running} at work or waiting` : "", `${total} in all`].filter(Boolean).join(", ");
  setText(byId("operations-count"), total ? told : "");
  show(byId("operations-empty"), operations.length === 0);
}

function create(acts) {
  const row = make(
    "li", { class: "row" },
    make(
      "div", { class: "about" },
      make("h3"), make("p", { class: "detail" }), make("p", { class: "error" }), make("p", { class: "warning" }),
    ),
    make("div", { class: "progress" }, make("progress", { max: "100" }), make("p", { class: "step" })),
    make("span", { class: "status" }),
    make("div", { class: "act" }, make("button", { type: "button" })),
  );
  row.querySelector("button").addEventListener("click", () => row.act(acts));
  return row;
}

function update(row, operation) {
  const [about, progress, status, act] = row.children;
  setText(about.children[0], operation.title);
  setText(about.children[1], detail(operation));
  setText(about.children[2], operation.error_message ?? "");
  show(about.children[2], Boolean(operation.error_message));
  setText(about.children[3], OVERLAP);
  show(about.children[3], sawItsBars(operation));
  showProgress(progress, operation);
  const stopping = operation.metadata.cancel_requested && operation.status === "running";
  setAttribute(status, "data-status", stopping ? "cancelled" : operation.status);
  setText(status, stopping ? "stopping" : operation.status);
  offer(row, act.firstElementChild, operation, stopping);
}

function showProgress(progress, operation) {
  const { percentage, current_step: step } = operation.progress;
  const [bar, text] = progress.children;
  show(progress, isMoving(operation));
  bar.value = percentage;
  setAttribute(bar, "aria-label", `Progress of ${operation.title}`);
  setText(text, operation.status === "pending" ? "Waits for a worker" : `${percent(percentage, 0)} · ${step}`);
}

function detail({ what, status, created_at: created, started_at: started, completed_at: completed, metadata }) {
  const times = {
    pending: `asked for ${ago(created)}`,
    running: `began ${ago(started)}`,
  };
  const took = started && completed ? `, took ${between(started, completed)}` : "";
  const time = times[status] ?? `ended ${ago(completed)}${took}`;
  return [what, metadata.worker_id, time, metadata.retry_of ? "a retry" : ""].filter(Boolean).join(" · ");
}

function offer(row, button, operation, stopping) {
  const [name, act] = choice(operation);
  show(button, Boolean(name));
  button.disabled = stopping;
  row.act = (acts) => acts[act]?.(operation);
  setText(button, name);
  setAttribute(button, "aria-label", `${name}: ${operation.title}`);
}

function choice({ status, operation_type: type, repeated }) {
  if (MOVING.has(status)) return ["Cancel", "cancel"];
  if (repeated) return ["", ""]; // what repeats it is at work or waits
  if (type === "data_load") return ["", ""]; // what was uploaded is not here to be repeated
  if (status !== "completed") return ["Retry", "retry"];
  if (type === "training") return ["Show losses", "follow"];
  return type === "backtesting" ? ["Show curve", "look"] : ["", ""];
}
