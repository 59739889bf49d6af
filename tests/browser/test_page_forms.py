"""What a person begins from the page: trainings, backtests, uploads and strategies; and lists filtered and paged."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from ktrdr.data.sample import generate, to_csv
from ktrdr.settings import SHIPPED_STRATEGIES
from tests.api.backend import Backend
from tests.api.population import STRATEGY, Worker, store_bars, store_model
from tests.browser.operations import rows
from tests.browser.visit import Visit

OpenVisit = Callable[..., Visit]


def newest(api: httpx.Client) -> dict[str, object]:
    found: dict[str, object] = api.get("operations?limit=1").json()["operations"][0]["metadata"]["request"]
    return found


def begin(page: Page, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("size", [(1280, 900), (500, 900)])
def test_a_training_and_a_backtest_are_started_from_the_page(
    backend: Backend, api: httpx.Client, visit: OpenVisit, size: tuple[int, int]
) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a")
    for name, kind in (("trainer-1", "training"), ("tester-1", "backtest")):
        Worker(api, name, kind).register()
    seen = visit(backend.url, size=size)
    page = seen.page
    begin(page, "Start a training")
    assert seen.accessibility() == ""
    page.locator("#training-strategy").select_option(STRATEGY)
    page.locator("#start-training [name=start_date]").fill("2023-01-15")
    page.get_by_role("button", name="Start training").press("Enter")
    expect(page.locator("#notice")).to_have_text(f"Training of {STRATEGY} is queued.")
    expect(rows(page).first).to_contain_text(f"Training of {STRATEGY}")
    assert newest(api)["start_date"] == "2023-01-15"
    begin(page, "Start a backtest")
    assert seen.accessibility() == ""
    assert not seen.is_wider_than_the_window()
    page.locator("#backtest-strategy").select_option(STRATEGY)
    page.locator("#backtest-model").select_option(f"{STRATEGY}_a")
    page.get_by_label("Commission in %").fill("0.02")
    page.get_by_role("button", name="Start backtest").click()
    expect(rows(page).first).to_contain_text(f"Backtest of {STRATEGY}")
    seen.screenshot(f"page-started-{size[0]}")
    asked = newest(api)
    assert (asked["commission"], asked["symbol"], asked["timeframe"]) == (0.0002, "EURUSD-SAMPLE", "1h")


def test_what_is_refused_is_told_in_its_dialog_which_stays_open(backend: Backend, visit: OpenVisit) -> None:
    seen = visit(backend.url)
    seen.expect("400|404|409|503")
    page = seen.page
    begin(page, "Start a training")
    page.get_by_label("Symbols").fill("NOTHING")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#start-training .error")).to_contain_text("NOTHING")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_bars_are_uploaded_appended_and_then_listed_with_their_range(
    backend: Backend, visit: OpenVisit, tmp_path: Path
) -> None:
    bars = generate()
    seen = visit(backend.url)
    seen.expect("409")
    page = seen.page
    expect(page.locator("#data-empty")).to_be_visible()
    for part, (first, last) in {"one.csv": (0, 100), "two.csv": (100, 150)}.items():
        (tmp_path / part).write_text(to_csv(bars.between(first, last)))
    for part, way in (("one.csv", ""), ("two.csv", "append")):
        begin(page, "Upload bars")
        page.get_by_label("CSV file").set_input_files(tmp_path / part)
        page.get_by_label("Symbol", exact=True).fill("EURUSD")
        if way:
            page.get_by_role("button", name="Upload", exact=True).click()
            expect(page.locator("#upload-bars .error")).to_contain_text("append")
            page.get_by_label("If bars are stored already").select_option(way)
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(page.get_by_role("dialog")).to_be_hidden()
    row = page.locator("#data tbody tr")
    expect(row).to_contain_text("150")
    expect(row).to_contain_text("1 Jan 2023")
    assert seen.accessibility() == ""


def test_a_strategy_is_added_changed_and_removed(backend: Backend, api: httpx.Client, visit: OpenVisit) -> None:
    text = (SHIPPED_STRATEGIES / f"{STRATEGY}.yaml").read_text().replace(STRATEGY, "my_own")
    seen = visit(backend.url)
    seen.expect("422")
    page = seen.page
    begin(page, "Add a strategy")
    yaml = page.get_by_label("YAML")
    yaml.fill(text.replace("epochs:", "epoch:"))
    page.get_by_role("button", name="Store").click()
    expect(page.locator("#strategy .error")).to_contain_text("epoch")
    yaml.fill(text)
    page.get_by_role("button", name="Store").click()
    page.get_by_role("button", name="Open: my_own").click()
    expect(yaml).to_have_value(text)
    assert seen.accessibility() == ""
    yaml.fill(text + "# changed\n")
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert api.get("strategies/my_own/file").text.endswith("# changed\n")
    page.get_by_role("button", name="Open: my_own").click()
    page.get_by_label("Remove this strategy").check()
    page.get_by_role("button", name="Store").click()
    expect(page.get_by_role("button", name="Open: my_own")).to_have_count(0)
    page.get_by_role("button", name=f"Open: {STRATEGY}").click()
    expect(yaml).to_have_js_property("readOnly", value=True)
    expect(page.get_by_role("button", name="Store")).to_be_hidden()


def test_operations_are_filtered_and_paged_and_models_sorted(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    for name, accuracy in (("a", 0.4), ("b", 0.9), ("c", 0.6)):
        store_model(api, f"{STRATEGY}_{name}", accuracy=accuracy)
    worker = Worker(api, "trainer-1", "training")
    worker.register()
    for _ in range(41):
        api.post("trainings/start", json={"strategy_name": STRATEGY}).raise_for_status()
    page = visit(backend.url).page
    expect(rows(page)).to_have_count(40)
    page.get_by_role("button", name="Next page: Operations").click()
    expect(rows(page)).to_have_count(2)
    page.locator("#operations-type").select_option("data_load")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("Upload of EURUSD-SAMPLE")
    page.locator("#operations-status").select_option("failed")
    expect(rows(page)).to_have_count(0)
    models = page.locator("#models")
    for _ in range(2):
        models.get_by_role("button", name="Test accuracy").click()
    expect(models.locator("tbody tr").first).to_contain_text(f"{STRATEGY}_b")
    models.get_by_label("Filter").fill("_c")
    expect(models.locator("tbody tr")).to_have_count(1)
