// Polls the backend and updates the page.

import { get, post, Refused, remove, setLogin } from "./api.js";
import { choose, showBacktests } from "./backtest.js";
import { byId, setAttribute, setText, show } from "./dom.js";
import { duration } from "./format.js";
import { showData, uploadBars } from "./data.js";
import { showModels } from "./models.js";
import { isMoving, showOperations, titled } from "./operations.js";
import { setPager, showPager, wanted } from "./pager.js";
import { poll } from "./poll.js";
import { startBacktest, startTraining } from "./start.js";
import { addStrategy, openStrategy, showStrategies } from "./strategies.js";
import { chooseTraining, showTrainings } from "./training.js";
import { showWorkers } from "./workers.js";

const RARELY_MS = 30_000;
const NOTICE_MS = 10_000;

let states = null;
let rarelyAt = 0;
let noticeTimer = 0;

const acts = {
  cancel: (operation) => confirmThen(operation, () => act(() => remove(path(operation)))),
  retry: (operation) => act(() => post(`${path(operation)}/retry`)),
  look: (operation) => act(async () => {
    await choose(operation.operation_id);
    byId("backtest-title").scrollIntoView();
  }),
  follow: (operation) => act(async () => {
    await chooseTraining(operation.operation_id);
    byId("training-title").scrollIntoView();
  }),
};

const path = ({ operation_id: id }) => `operations/${encodeURIComponent(id)}`;

async function question() {
  const [{ workers }, page] = await Promise.all([get("workers"), get(`operations?${wanted()}`)]);
  const operations = page.operations.map(titled);
  showWorkers(workers, operations);
  showOperations(operations, page.total_count, acts);
  showPager(operations.length, page.total_count);
  const ended = tellChanges(operations);
  const busy = operations.some(isMoving);
  const rare = ended || Date.now() - rarelyAt > RARELY_MS;
  if (busy || rare) await showTrainings();
  if (rare) {
    const [health, models] = await Promise.all([get("health"), get("models?limit=500"), showBacktests()]);
    showModels(models);
    connected(health);
    rarelyAt = Date.now();
    await Promise.all([showStrategies(open), showData()]);
  }
  return busy;
}

function connected({ version, uptime_s: uptime }) {
  setAttribute(byId("connection"), "data-state", "connected");
  setText(byId("connection"), `Connected · version ${version} · up ${duration(uptime)}`);
}

function disconnected(error, wait) {
  rarelyAt = 0;
  setAttribute(byId("connection"), "data-state", error instanceof Refused ? "refused" : "unreachable");
  setText(byId("connection"), `${error.message} Next try in ${duration(wait / 1000)}.`);
}

// Announces to screen readers what has ended since the last poll; returns whether anything has.
function tellChanges(operations) {
  const now = new Map(operations.map((operation) => [operation.operation_id, operation.status]));
  const before = states ?? now;
  const ended = operations.filter((one) => !isMoving(one) && states && before.get(one.operation_id) !== one.status);
  states = now;
  if (ended.length) setText(byId("news"), ended.map((one) => `${one.title}: ${one.status}.`).join(" "));
  return ended.length > 0;
}

async function act(deed) {
  try {
    await deed();
    notice("");
  } catch (error) {
    notice(error.message);
  }
  askNow();
}

function notice(text, tone = "bad") {
  clearTimeout(noticeTimer);
  setAttribute(byId("notice"), "data-tone", tone);
  setText(byId("notice"), text);
  show(byId("notice"), Boolean(text));
  if (text) noticeTimer = setTimeout(() => notice(""), NOTICE_MS);
}

function confirmThen(operation, deed) {
  const dialog = byId("confirm");
  setText(byId("confirm-text"), `${operation.title} (${operation.what}) stops, and what it has done so far is lost.`);
  byId("confirm-no").onclick = () => dialog.close();
  byId("confirm-yes").onclick = () => {
    dialog.close();
    deed();
  };
  dialog.showModal();
}

// Asks a person for the secret, until the dialog is closed.
function login(wasWrong) {
  const dialog = byId("login");
  show(byId("login-wrong"), wasWrong);
  byId("login-secret").value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "send" ? byId("login-secret").value.trim() : null);
  });
}

// What a dialog has done is told, and the lists are read anew.
function done(told) {
  setText(byId("news"), told);
  notice(told, "good");
  rarelyAt = 0;
  askNow();
}

const open = (strategy) => attempt(() => openStrategy(strategy, done));

for (const [id, deed] of [
  ["new-training", startTraining], ["new-backtest", startBacktest], ["new-bars", uploadBars], ["new-strategy", addStrategy],
]) byId(id).addEventListener("click", () => attempt(() => deed(done)));

async function attempt(deed) {
  try {
    await deed();
  } catch (error) {
    notice(error.message);
  }
}

setLogin(login);
setPager(() => {
  states = null;
  askNow();
});
const askNow = poll(question, disconnected);
