// Starts trainings and backtests.

import { get, post } from "./api.js";
import { byId } from "./dom.js";
import { ask, offer } from "./form.js";

const names = (list) => list.map((value) => ({ value, text: value }));
const filled = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
const words = (text) => text.split(/[\s,]+/).filter(Boolean);

async function strategies() {
  const found = await get("strategies");
  return found.strategies.filter((one) => one.valid).map((one) => one.name);
}

export async function startTraining(done) {
  offer("training-strategy", names(await strategies()));
  ask("start-training", async ({ symbols, timeframes, ...fields }) => {
    const answer = await post("trainings/start", {
      ...filled(fields), symbols: words(symbols), timeframes: words(timeframes),
    });
    return answer.message;
  }, done);
}

export async function startBacktest(done) {
  const [known, { models }, { data }] = await Promise.all([strategies(), get("models?limit=500"), get("data/info")]);
  offer("backtest-strategy", names(known));
  offer("backtest-series", data.series.map((one) => {
    const value = `${one.symbol} ${one.timeframe}`;
    return { value, text: value };
  }));
  const strategy = byId("backtest-strategy");
  strategy.onchange = () => {
    const fitting = models.filter((model) => model.metadata.strategy_name === strategy.value);
    offer("backtest-model", [{ value: "", text: "the newest" }, ...names(fitting.map((model) => model.name))]);
  };
  strategy.onchange();
  ask("start-backtest", async ({ series, initial_capital: capital, commission, slippage, ...fields }) => {
    const [symbol, timeframe] = series.split(" ");
    const answer = await post("backtests/start", {
      ...filled(fields), symbol, timeframe, initial_capital: Number(capital),
      commission: Number(commission) / 100, slippage: Number(slippage) / 100,
    });
    return answer.message;
  }, done);
}
