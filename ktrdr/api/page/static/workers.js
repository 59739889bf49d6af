// Lists the workers: state, hardware and present operation.

import { byId, make, reconcile, setAttribute, setText, show } from "./dom.js";
import { ago } from "./format.js";

const TYPES = { training: "Training", backtest: "Backtests" };

export function showWorkers(workers, operations) {
  const titles = new Map(operations.map((operation) => [operation.operation_id, operation.title]));
  reconcile(byId("workers"), workers, (worker) => worker.worker_id, create, (card, worker) => {
    update(card, worker, titles);
  });
  const ready = workers.filter((worker) => worker.status !== "offline").length;
  setText(byId("workers-count"), workers.length ? `${ready} of ${workers.length} present` : "");
  show(byId("workers-empty"), workers.length === 0);
}

function create() {
  return make(
    "li", { class: "card" },
    make("div", { class: "line" }, make("h3", { class: "name" }), make("span", { class: "status" })),
    make("p", { class: "type" }),
    make("p", { class: "means" }),
    make("p", { class: "doing" }),
  );
}

function update(card, worker, titles) {
  const [line, type, means, doing] = card.children;
  setText(line.children[0], worker.worker_id);
  setAttribute(line.children[1], "data-status", worker.status);
  setText(line.children[1], worker.status);
  setText(type, TYPES[worker.type] ?? worker.type);
  setText(means, computesWith(worker.capabilities));
  setText(doing, worksOn(worker, titles));
}

function computesWith({ gpu, gpu_type: kind, gpu_count: count, torch, cuda }) {
  const device = gpu ? `${count || 1} × ${kind ?? "GPU"}${cuda ? `, CUDA ${cuda}` : ""}` : "CPU";
  return torch ? `${device} · torch ${torch}` : device;
}

function worksOn(worker, titles) {
  if (worker.status === "offline") return `Last heard of ${ago(worker.last_seen)}`;
  if (!worker.current_operation_id) return "Waits for work";
  return titles.get(worker.current_operation_id) ?? worker.current_operation_id;
}
