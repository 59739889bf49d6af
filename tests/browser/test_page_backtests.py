"""Backtests on the page in a real browser: their curves, their figures and their warnings."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.backend import Backend
from tests.api.population import (
    STRATEGY,
    Worker,
    backtest_result,
    start_backtest,
    store_bars,
    store_model,
)
from tests.browser.operations import rows
from tests.browser.visit import Visit

OpenVisit = Callable[..., Visit]


def expect_points(page: Page, count: int) -> None:
    """The curve comes to have so many points."""
    line = page.locator("polyline.equity")
    if count:
        expect(line).to_have_attribute("points", re.compile(rf"^\S+( \S+){{{count - 1}}}$"))
    else:
        expect(line).to_have_count(0)


def complete_backtest(api: httpx.Client, worker: Worker, count: int, **more: str) -> str:
    operation_id = start_backtest(api, **more)
    worker.beat()
    worker.beat("completed", 100, "done", result_summary=backtest_result(count))
    return operation_id


def test_an_equity_curve_is_drawn_point_by_point_and_another_can_be_chosen(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    worker = Worker(api, "tester-1", "backtest")
    worker.register()
    older, newer = complete_backtest(api, worker, 731), complete_backtest(api, worker, 1000)
    page = visit(backend.url).page
    expect(page.locator("polyline.equity")).to_be_visible()
    expect_points(page, 1000)
    results = api.get(f"operations/{newer}/results").json()["results"]
    expect(page.locator("#backtest-figures")).to_contain_text(f"+{results['metrics']['total_return_pct']:.2f}")
    expect(page.locator("#curve .told")).to_contain_text(f"{results['equity_curve'][-1]['equity']:,.2f}")
    page.get_by_label("Choose").select_option(older)
    expect_points(page, 731)
    page.locator(f"[data-key='{newer}']").get_by_role("button").click()
    expect_points(page, 1000)


@pytest.mark.parametrize("warnings", [None, ["The model was trained on bars of this range (2023)."]])
def test_a_backtest_on_bars_of_its_training_is_marked_in_its_row_its_choice_and_its_curve(
    backend: Backend, api: httpx.Client, visit: OpenVisit, warnings: list[str] | None
) -> None:
    """Results from before there were warnings are marked too."""
    store_bars(api, 6000)
    store_model(api, f"{STRATEGY}_a")
    worker = Worker(api, "tester-1", "backtest")
    worker.register()
    fair = complete_backtest(api, worker, 50, start_date="2023-04-01")
    start_backtest(api)
    worker.beat()
    result = backtest_result(50)
    result["config"]["overlaps_training"] = True
    worker.beat("completed", 100, "done", result_summary=result | ({"warnings": warnings} if warnings else {}))
    page = visit(backend.url).page
    said = page.locator("#backtest-warning")
    expect(said).to_contain_text("The model was trained on bars of this range")
    expect(page.locator("#curve[data-doubtful]")).to_be_visible()
    expect(rows(page).first).to_contain_text("The model was trained on bars of this range.")
    expect(page.locator("#backtest-select option").first).to_contain_text("overlaps its training")
    expect(page.locator(f"[data-key='{fair}'] .warning")).to_be_hidden()
    page.get_by_label("Choose").select_option(fair)
    expect(said).to_be_hidden()
    expect(page.locator("#curve[data-doubtful]")).to_have_count(0)


def test_a_curve_is_read_with_the_keyboard_and_with_the_mouse(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    worker = Worker(api, "tester-1", "backtest")
    worker.register()
    complete_backtest(api, worker, 50)
    page = visit(backend.url).page
    curve = backtest_result(50)["equity_curve"]
    slider = page.get_by_role("slider", name="Equity, point by point")
    expect(slider).to_have_attribute("aria-valuenow", "50")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "49")
    expect(page.locator("#curve .told")).to_contain_text(f"{curve[48]['equity']:,.2f}")
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", page.locator("#curve .told").inner_text())
    expect(page.locator("#curve .told")).to_contain_text("1 Jan 2023")
    box = slider.bounding_box()
    assert box is not None
    slider.hover(position={"x": box["width"] - 14, "y": 100})
    expect(slider).to_have_attribute("aria-valuenow", "50")


def test_a_backtest_stands_beside_buy_and_hold_and_names_its_range_its_costs_and_its_model(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    worker = Worker(api, "tester-1", "backtest")
    worker.register()
    complete_backtest(api, worker, 800)
    page = visit(backend.url).page
    about = page.locator("#backtest-about")
    for text in (f"{STRATEGY}_a", "EURUSD-SAMPLE 1h", "1 Jan 2023 to 4 Feb 2023", "0.01\u00a0%", "0.005\u00a0%"):
        expect(about).to_contain_text(text)
    for line in ("hold", "below", "close"):
        expect(page.locator(f"polyline.{line}")).to_be_visible()
    closes = [point["close"] for point in backtest_result(800)["equity_curve"]]
    held = 100 * (closes[-1] / closes[0] - 1)
    expect(page.locator("#backtest-figures")).to_contain_text(f"Buy and hold{held:+.2f}")
    page.get_by_role("slider", name="Drawdown, point by point").press("Home")
    expect(page.locator("#drawdown .told")).to_contain_text("0.00\u00a0% below the highest equity")


def test_trades_are_marked_on_the_price_and_listed_to_be_sorted_filtered_and_paged(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    worker = Worker(api, "tester-1", "backtest")
    worker.register()
    operation_id = complete_backtest(api, worker, 800)
    trades = backtest_result(800)["trades"]
    page = visit(backend.url).page
    count = [len(re.findall("M", page.locator(f"path.{kind}").get_attribute("d") or "")) for kind in ("long", "short")]
    assert count == [21, 21]
    table = page.locator("#trades")
    expect(table.get_by_role("status")).to_have_text("1 to 10 of 42")
    table.get_by_role("button", name="Next page").press("Enter")
    expect(table.get_by_role("status")).to_have_text("11 to 20 of 42")
    table.get_by_role("button", name="Profit").click()
    expect(table.get_by_role("columnheader", name="Profit")).to_have_attribute("aria-sort", "ascending")
    worst = min(trade["profit"] for trade in trades)
    expect(table.locator("tbody tr").first).to_contain_text(f"{worst:.2f}")
    table.get_by_role("button", name="Profit").click()
    expect(table.locator("tbody tr").first).to_contain_text(f"{max(trade['profit'] for trade in trades):.2f}")
    table.get_by_label("Filter").fill("short 2023-01-02")
    shorts = [one for one in trades if one["direction"] == "short" and "2023-01-02" in str(one)]
    expect(table.get_by_role("status")).to_have_text(f"1 to {len(shorts)} of {len(shorts)}")
    link = page.get_by_role("link", name="All trades (CSV)")
    expect(link).to_have_attribute("href", f"/api/v1/operations/{operation_id}/trades?format=csv")


def test_a_curve_of_five_years_of_five_minutes_is_thinned_to_what_a_screen_shows(
    backend: Backend, visit: OpenVisit
) -> None:
    page = visit(backend.url).page
    thinned = page.evaluate(
        """async () => {
            const { thinned } = await import("/page/thin.js");
            const values = Array.from({ length: 374400 }, (_, at) => Math.sin(at / 9000));
            values[200001] = -7;
            values[300001] = 7;
            const kept = thinned(values, 2000);
            return [kept.length, kept[0], kept.at(-1), kept.includes(200001), kept.includes(300001),
                kept.every((place, at) => at === 0 || kept[at - 1] < place)];
        }"""
    )
    assert thinned[0] <= 2002
    assert thinned[1:] == [0, 374_399, True, True, True]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_backtest_of_hardly_a_point_is_shown_too(
    backend: Backend, api: httpx.Client, visit: OpenVisit, count: int
) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    worker = Worker(api, "tester-1", "backtest")
    worker.register()
    start_backtest(api)
    worker.beat()
    result = {**backtest_result(2), "equity_curve": backtest_result(2)["equity_curve"][:count]}
    worker.beat("completed", 100, "done", result_summary=result)
    page = visit(backend.url).page
    expect(page.locator("#backtest-figures")).to_contain_text("Total return")
    expect_points(page, count)
