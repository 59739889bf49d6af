"""The page at `/` in a real browser, against a running backend: what it shows is what the API says, and it moves."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.backend import Backend
from tests.api.population import (
    GPU,
    STRATEGY,
    Worker,
    populate,
    start_training,
    store_bars,
    store_model,
    training_result,
)
from tests.browser.operations import rows
from tests.browser.visit import DESKTOP, PHONE, Visit

OpenVisit = Callable[..., Visit]


def until_connected(page: Page) -> None:
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")


LOOKS = [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE), ("light", (500, 900))]


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
def test_every_look_is_accessible_and_fits_its_window(backend: Backend, visit: OpenVisit, filled: bool) -> None:  # noqa: FBT001
    if filled:
        with backend.api as api:
            populate(api)
            store_model(api, f"{STRATEGY}_b", accuracy=0.587, created_at="2024-06-02T12:00:00+00:00")
            Worker(api, "trainer-2", "training").register()
    for scheme, size in LOOKS:
        look = visit(backend.url, scheme=scheme, size=size)
        until_connected(look.page)
        if filled:
            expect(look.page.locator("polyline.equity")).to_be_visible()
        width = {PHONE: "phone", DESKTOP: "desktop"}.get(size, str(size[0]))
        look.screenshot(f"page-{'filled' if filled else 'empty'}-{width}-{scheme}")
        assert look.accessibility() == ""
        assert not look.is_wider_than_the_window()


def test_an_empty_backend_says_how_to_begin(backend: Backend, visit: OpenVisit) -> None:
    page = visit(backend.url).page
    until_connected(page)
    for section in ("workers", "operations", "backtest", "models"):
        expect(page.locator(f"#{section}-empty")).to_be_visible()
    expect(page.locator("#workers-empty")).to_contain_text("KTRDR_WORKER_TYPE=training")


def test_workers_and_a_training_are_followed_live_to_the_end(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    page = visit(backend.url).page
    until_connected(page)
    store_bars(api)
    worker = Worker(api, "trainer-1", "training", GPU)
    worker.register()
    card = page.locator("#workers > li")
    expect(card).to_contain_text("2 \u00d7 H200, CUDA 13.0 · torch 2.13.0+cu130")
    expect(card.locator(".status")).to_have_text("idle")
    start_training(api)
    row = rows(page).first
    expect(row.locator(".status")).to_have_text("pending")
    worker.beat()
    worker.beat("running", 22, "epoch 7 of 30")
    expect(row.locator(".status")).to_have_text("running")
    expect(row.locator("progress")).to_have_js_property("value", 22)
    expect(row.locator(".step")).to_contain_text("epoch 7 of 30")
    expect(card.locator(".status")).to_have_text("busy")
    expect(card.locator(".doing")).to_have_text(f"Training of {STRATEGY}")
    worker.beat("running", 81, "epoch 25 of 30")
    expect(row.locator("progress")).to_have_js_property("value", 81)
    store_model(api, f"{STRATEGY}_a")
    worker.beat("completed", 100, "done", result_summary=training_result())
    expect(row.locator(".status")).to_have_text("completed")
    expect(row.locator("progress")).to_be_hidden()
    expect(page.locator("#news")).to_have_text(f"Training of {STRATEGY}: completed.")
    expect(page.locator("#models tbody")).to_contain_text(f"{STRATEGY}_a")
    expect(page.locator("#models tbody")).to_contain_text("61.2\u00a0%53.7\u00a0%")


def epochs(first: int, last: int) -> list[dict[str, float]]:
    return [
        {"epoch": one, "train_loss": 1 / one, "train_accuracy": 0.5, "val_loss": 2 / one, "val_accuracy": 0.45}
        for one in range(first, last + 1)
    ]


def test_the_losses_of_a_training_are_drawn_while_it_runs_and_after(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    worker = Worker(api, "trainer-1", "training")
    worker.register()
    start_training(api)
    worker.beat()
    worker.beat("running", 3, "preparing features")
    page = visit(backend.url).page
    expect(page.locator("#training-none")).to_be_visible()
    slider = page.get_by_role("slider", name="Loss, point by point")
    for last in (2, 5):
        worker.beat("running", 10 * last, "epoch", epochs=epochs(1, last))
        expect(slider).to_have_attribute("aria-valuenow", str(last))
    expect(page.locator("#loss-curve .told")).to_have_text("Epoch 5: validation 0.4000, training 0.2000")
    worker.beat("completed", 100, "done", result_summary=training_result(), epochs=epochs(6, 8))
    expect(slider).to_have_attribute("aria-valuenow", "8")
    slider.press("Home")
    expect(page.locator("#loss-curve .told")).to_have_text("Epoch 1: validation 2.0000, training 1.0000")
    page.get_by_role("button", name=f"Show losses: Training of {STRATEGY}").click()
    expect(page.locator("#accuracy-curve .told")).to_contain_text("validation 45.0\u00a0%, training 50.0\u00a0%")


def test_an_operation_is_cancelled_after_a_question_and_can_be_asked_for_again(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    worker = Worker(api, "trainer-1", "training")
    worker.register()
    operation_id = start_training(api)
    worker.beat()
    worker.beat("running", 40, "epoch 12 of 30")
    page = visit(backend.url).page
    cancel = page.get_by_role("button", name=f"Cancel: Training of {STRATEGY}")
    cancel.click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert not worker.beat("running", 41, "epoch 12 of 30")["cancel"]
    cancel.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("what it has done so far is lost")
    page.get_by_role("button", name="Cancel operation").click()
    row = page.locator(f"[data-key='{operation_id}']")
    expect(row.locator(".status")).to_have_text("stopping")
    expect(row.get_by_role("button")).to_be_disabled()
    assert worker.beat("running", 42, "epoch 12 of 30")["cancel"]
    worker.beat("cancelled", 42, "epoch 12 of 30")
    expect(row.locator(".status")).to_have_text("cancelled")
    row.get_by_role("button", name="Retry").click()
    expect(rows(page)).to_have_count(3)  # the upload of the bars is one, too
    expect(rows(page).first).to_contain_text("a retry")
    expect(row.get_by_role("button")).to_be_hidden()  # what repeats it waits
    newest = api.get("operations").json()["operations"][0]
    assert newest["metadata"]["retry_of"] == operation_id


def test_what_the_backend_refuses_is_told_in_its_own_words(
    backend: Backend, api: httpx.Client, visit: OpenVisit
) -> None:
    store_bars(api)
    worker = Worker(api, "trainer-1", "training")
    worker.register()
    start_training(api)
    worker.beat()
    worker.beat("failed", 3, "reading", error={"code": "bad", "message": "No bar is left."})
    api.delete("workers/trainer-1").raise_for_status()
    look = visit(backend.url)
    look.expect("503")
    expect(rows(look.page).first).to_contain_text("No bar is left.")
    look.page.get_by_role("button", name="Retry").click()
    expect(look.page.get_by_role("alert")).to_have_text("No training worker is registered.")


def test_a_model_that_learnt_nothing_says_so_in_its_row(backend: Backend, api: httpx.Client, visit: OpenVisit) -> None:
    store_model(api, "learnt")
    store_model(api, "not-learnt", warnings=["The model has learnt nothing."])
    page = visit(backend.url).page
    expect(page.locator("#models tbody [data-key='not-learnt']")).to_contain_text("The model has learnt nothing.")
    expect(page.locator("#models tbody [data-key='learnt'] .warning")).to_be_hidden()


MARKUP = "<img src=x onerror=\"window.planted='yes'\"><script>window.planted='yes'</script>"


def test_text_from_data_stays_text(backend: Backend, api: httpx.Client, visit: OpenVisit) -> None:
    store_bars(api)
    store_model(api, f"{STRATEGY}_a", strategy=MARKUP, created_at=MARKUP)
    store_model(api, f"{STRATEGY}_b")
    worker = Worker(api, "trainer-1", "training", {"gpu": True, "gpu_type": MARKUP, "torch": MARKUP, "cuda": MARKUP})
    worker.register()
    start_training(api)
    worker.beat()
    worker.beat("failed", 3, MARKUP, error={"code": "bad", "message": MARKUP})
    start_training(api)
    worker.beat()
    worker.beat("running", 3, MARKUP)
    page = visit(backend.url).page
    until_connected(page)
    expect(page.locator(".error").filter(has_text=MARKUP)).to_be_visible()
    expect(rows(page).first.locator(".step").filter(has_text=MARKUP)).to_be_visible()
    expect(page.locator(".means")).to_contain_text(MARKUP)
    expect(page.locator("#models tbody")).to_contain_text(MARKUP)
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("window.planted") is None


def test_a_backend_that_goes_is_told_and_one_that_comes_back_is_taken_up(backend: Backend, visit: OpenVisit) -> None:
    look = visit(backend.url)
    until_connected(look.page)
    look.expect("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    backend.stop()
    state = look.page.locator("#connection")
    expect(state).to_have_attribute("data-state", "unreachable")
    expect(state).to_contain_text("The backend does not answer. Next try in")
    backend.start()
    with backend.api as api:
        Worker(api, "trainer-1", "training").register()
    until_connected(look.page)
    expect(look.page.locator("#workers > li")).to_have_count(1)


def set_hidden(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_nothing_is_asked_while_nobody_looks(backend: Backend, visit: OpenVisit) -> None:
    page = visit("about:blank").page
    page.clock.install()
    page.goto(backend.url)
    until_connected(page)
    set_hidden(page, hidden=True)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(120_000)
    assert asked == []
    with page.expect_request("**/api/v1/operations?*"):
        set_hidden(page, hidden=False)


def test_one_minute_of_rest_costs_few_and_small_requests(backend: Backend, api: httpx.Client, visit: OpenVisit) -> None:
    populate(api)
    api.delete("workers/trainer-1").raise_for_status()
    pending = api.get("operations", params={"status": "pending"}).json()["operations"]
    for operation in pending:
        api.delete(f"operations/{operation['operation_id']}").raise_for_status()
    page = visit("about:blank").page
    page.clock.install()
    page.goto(backend.url)
    until_connected(page)
    lengths: list[int] = []
    page.on("requestfinished", lambda request: lengths.append(request.sizes()["responseBodySize"]))
    for _ in range(12):
        with page.expect_response("**/api/v1/operations?limit*"):
            page.clock.run_for(5000)
    assert len(lengths) < 40
    assert max(lengths) < 10_000


def test_the_skip_link_and_escape_work_by_keyboard(backend: Backend, api: httpx.Client, visit: OpenVisit) -> None:
    store_bars(api)
    Worker(api, "trainer-1", "training").register()
    start_training(api)
    page = visit(backend.url).page
    until_connected(page)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    cancel = page.get_by_role("button", name="Cancel")
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(cancel).to_be_focused()


def test_a_redraw_keeps_the_focus_where_it_was(backend: Backend, api: httpx.Client, visit: OpenVisit) -> None:
    store_bars(api)
    worker = Worker(api, "trainer-1", "training")
    worker.register()
    start_training(api)
    page = visit(backend.url).page
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    worker.beat()
    for percentage in (10, 20):
        worker.beat("running", percentage, "epoch")
        expect(rows(page).first.locator("progress")).to_have_js_property("value", percentage)
    expect(cancel).to_be_focused()
