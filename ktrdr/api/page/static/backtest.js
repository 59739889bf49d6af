// Shows one completed backtest: its equity curve and its figures. The newest is chosen at first.

import { get } from "./api.js";
import { Curve } from "./curve.js";
import { byId, make, reconcile, setText, show } from "./dom.js";
import { dateTime, exact, figure, gain, percent, share, whole } from "./format.js";
import { OVERLAP, sawItsBars, titled } from "./operations.js";

const FIGURES = [
  ["Total return", (metrics) => gain(metrics.total_return_pct)],
  ["Per year", (metrics) => gain(metrics.annualized_return)],
  ["Largest drawdown", (metrics) => percent(metrics.max_drawdown_pct, 2)],
  ["Volatility", (metrics) => percent(metrics.volatility, 2)],
  ["Sharpe ratio", (metrics) => figure(metrics.sharpe_ratio)],
  ["Sortino ratio", (metrics) => figure(metrics.sortino_ratio)],
  ["Bars a year (for ratios)", (metrics) => whole(metrics.periods_per_year)],
  ["Trades", (metrics) => whole(metrics.total_trades)],
  ["Won", (metrics) => share(metrics.win_rate)],
  ["Profit factor", (metrics) => figure(metrics.profit_factor)],
  ["Equity at the end", (metrics) => exact(metrics.final_equity)],
];

let curve = null;
let shown = "";
let chosen = "";

export async function showBacktests() {
  const { operations } = await get("operations?operation_type=backtesting&status=completed&brief=true&limit=100");
  const select = byId("backtest-select");
  reconcile(select, operations.map(titled), (one) => one.operation_id, () => make("option"), (option, one) => {
    option.value = one.operation_id;
    const seen = sawItsBars(one) ? " · overlaps its training" : "";
    setText(option, `${one.metadata.request.strategy_name} · ${one.what} · ${dateTime(one.completed_at)}${seen}`);
  });
  show(byId("backtest-choice"), operations.length > 0);
  show(byId("backtest-empty"), operations.length === 0);
  show(byId("backtest"), operations.length > 0);
  select.onchange = () => choose(select.value);
  const ids = operations.map((one) => one.operation_id);
  if (ids.length) await look(ids.includes(chosen) ? chosen : ids[0]);
}

export async function choose(operationId) {
  chosen = operationId;
  await look(operationId);
}

async function look(operationId) {
  byId("backtest-select").value = operationId;
  if (shown === operationId) return;
  const { results } = await get(`operations/${encodeURIComponent(operationId)}/results`);
  shown = operationId;
  curve ??= new Curve(byId("curve"));
  curve.show(results.equity_curve ?? [], results.config?.initial_capital);
  const overlaps = results.config?.overlaps_training === true;
  const warnings = results.warnings ?? (overlaps ? [OVERLAP] : []);
  byId("curve").toggleAttribute("data-doubtful", overlaps);
  setText(byId("backtest-warning"), warnings.join(" "));
  show(byId("backtest-warning"), warnings.length > 0);
  const metrics = results.metrics ?? {};
  reconcile(byId("backtest-figures"), FIGURES, ([name]) => name, createFigure, (pair, [name, tell]) => {
    setText(pair.children[0], name);
    setText(pair.children[1], tell(metrics));
  });
}

const createFigure = () => make("div", {}, make("dt"), make("dd"));
