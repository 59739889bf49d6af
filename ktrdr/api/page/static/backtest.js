// Shows one completed backtest: its curves, its trades and its figures. The newest is chosen at first.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { byId, make, reconcile, setAttribute, setText, show } from "./dom.js";
import { dateTime, exact, figure, gain, minute, percent, price, range, rate, share, whole } from "./format.js";
import { OVERLAP, sawItsBars, titled } from "./operations.js";
import { Table } from "./table.js";

const FIGURES = [
  ["Total return", (metrics) => gain(metrics.total_return_pct)],
  ["Buy and hold", (metrics) => gain(metrics.hold_pct)],
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

const TRADES = [
  { name: "Entry", text: (trade) => minute(trade.entry_time), value: (trade) => trade.entry_time },
  { name: "Direction", text: (trade) => trade.direction },
  { name: "Entry price", text: (trade) => price(trade.entry_price), value: (trade) => trade.entry_price, number: true },
  { name: "Exit", text: (trade) => minute(trade.exit_time), value: (trade) => trade.exit_time },
  { name: "Exit price", text: (trade) => price(trade.exit_price), value: (trade) => trade.exit_price, number: true },
  { name: "Profit", text: (trade) => exact(trade.profit), value: (trade) => trade.profit, number: true },
  { name: "Return", text: (trade) => gain(trade.return_pct), value: (trade) => trade.return_pct, number: true },
];

const UP = "l-4,7h8z";
const DOWN = "l-4,-7h8z";
const RING = "m-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0";

let parts = null;
let shown = "";
let chosen = "";

export async function showBacktests() {
  const { operations } = await get("operations?operation_type=backtesting&status=completed&brief=true&limit=100");
  const select = byId("backtest-select");
  reconcile(select, operations.map(titled), (one) => one.operation_id, () => make("option"), (option, one) => {
    const { strategy_name: strategy, model, start_date: start, end_date: end } = one.metadata.request;
    const seen = sawItsBars(one) ? " · overlaps its training" : "";
    option.value = one.operation_id;
    setText(option, `${strategy} · ${one.what} · ${range(start, end)} · ${model ?? "newest model"} · ${dateTime(one.completed_at)}${seen}`);
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
  parts ??= {
    equity: new Chart(byId("curve"), { label: "Equity" }),
    drawdown: new Chart(byId("drawdown-curve"), { label: "Drawdown", low: true }),
    price: new Chart(byId("price-curve"), { label: "Price", low: true }),
    trades: new Table(byId("trades"), { label: "Trades", columns: TRADES, key: (trade) => trade.key, size: 10 }),
  };
  const curve = read(results);
  const metrics = { ...results.metrics, hold_pct: curve.holds ? 100 * (curve.holds.at(-1) / curve.start - 1) : null };
  warn(results);
  draw(curve, results.trades ?? []);
  list(byId("backtest-about"), about(results, curve), null);
  list(byId("backtest-figures"), FIGURES, metrics);
  showTrades(operationId, results);
}

// A curve's columns; those of prices and drawdowns are null for a backtest of an older worker.
function read({ equity_curve: points = [], config }) {
  const column = (name) => (points.length && points.every((point) => Number.isFinite(point[name]))
    ? points.map((point) => point[name]) : null);
  const start = config?.initial_capital ?? points[0]?.equity ?? 0;
  const closes = column("close");
  return {
    start, closes,
    stamps: points.map((point) => point.timestamp),
    times: points.map((point) => Date.parse(point.timestamp)),
    equity: points.map((point) => point.equity),
    drawdowns: column("drawdown_pct"),
    holds: closes && closes[0] > 0 ? closes.map((close) => (start * close) / closes[0]) : null,
  };
}

function draw({ start, stamps, times, equity, closes, drawdowns, holds }, trades) {
  const change = (value) => gain(100 * (value / start - 1));
  const held = (at) => (holds ? `; buy and hold ${exact(holds[at])} (${change(holds[at])})` : "");
  parts.equity.show({
    places: times,
    base: start,
    lines: [{ name: "equity", values: equity, area: true }, ...(holds ? [{ name: "hold", values: holds }] : [])],
    tell: (at) => `${dateTime(stamps[at])}: ${exact(equity[at])} (${change(equity[at])})${held(at)}`,
  });
  show(byId("curve-key"), Boolean(holds));
  show(byId("drawdown"), Boolean(drawdowns));
  if (drawdowns) {
    parts.drawdown.show({
      places: times,
      lines: [{ name: "below", values: drawdowns.map((value) => -value) }],
      tell: (at) => `${dateTime(stamps[at])}: ${percent(drawdowns[at], 2)} below the highest equity`,
    });
  }
  show(byId("price"), Boolean(closes));
  if (closes) {
    parts.price.show({
      places: times,
      lines: [{ name: "close", values: closes }],
      marks: marks(trades),
      tell: (at) => `${dateTime(stamps[at])}: ${price(closes[at])}`,
    });
  }
}

function marks(trades) {
  const path = (wanted, time, value, shape) => (x, y) => wanted
    .map((trade) => `M${x(Date.parse(trade[time])).toFixed(1)},${y(trade[value]).toFixed(1)}${shape}`).join("");
  const [long, short] = ["long", "short"].map((direction) => trades.filter((trade) => trade.direction === direction));
  return [
    { name: "exit", path: path(trades, "exit_time", "exit_price", RING) },
    { name: "long", path: path(long, "entry_time", "entry_price", UP) },
    { name: "short", path: path(short, "entry_time", "entry_price", DOWN) },
  ];
}

function warn(results) {
  const overlaps = results.config?.overlaps_training === true;
  const warnings = results.warnings ?? (overlaps ? [OVERLAP] : []);
  byId("curve").toggleAttribute("data-doubtful", overlaps);
  setText(byId("backtest-warning"), warnings.join(" "));
  show(byId("backtest-warning"), warnings.length > 0);
}

function about({ config = {}, model_path: path }, { stamps }) {
  return [
    ["Strategy", () => config.strategy_name ?? "–"],
    ["Model", () => (path ?? config.model ?? "–").replace(/^models\//, "")],
    ["Bars", () => [config.symbol, config.timeframe].filter(Boolean).join(" ") || "–"],
    ["Range", () => (stamps.length ? range(stamps[0], stamps.at(-1)) : "–")],
    ["Capital", () => exact(config.initial_capital)],
    ["Commission", () => rate(config.commission)],
    ["Slippage", () => rate(config.slippage)],
  ];
}

function list(place, pairs, subject) {
  reconcile(place, pairs, ([name]) => name, () => make("div", {}, make("dt"), make("dd")), (pair, [name, tell]) => {
    setText(pair.children[0], name);
    setText(pair.children[1], tell(subject));
  });
}

function showTrades(operationId, { trades = [], trade_count: count }) {
  parts.trades.show(trades.map((trade, at) => ({ ...trade, key: String(at) })));
  show(byId("trades"), trades.length > 0);
  const told = trades.length < count ? `The first ${whole(trades.length)} of ${whole(count)} trades.` : "";
  setText(byId("trades-told"), told);
  for (const kind of ["trades", "equity"]) {
    setAttribute(byId(`${kind}-file`), "href", `/api/v1/operations/${encodeURIComponent(operationId)}/${kind}?format=csv`);
  }
}
