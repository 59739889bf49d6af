"""The page asks for the secret of clients when a change needs it, and only then."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from ktrdr.secret_file import CLIENTS
from tests.api.backend import Backend
from tests.api.population import Worker, start_training, store_bars
from tests.browser.visit import Visit

SECRET = "the-clients-secret"  # noqa: S105  of this test


def test_a_change_asks_for_the_secret_until_it_is_right(visit: Callable[..., Visit], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    with Backend(tmp_path / "data", **{CLIENTS: str(tmp_path / "secret")}) as backend, backend.api as api:
        api.headers["Authorization"] = f"Bearer {SECRET}"
        store_bars(api)
        Worker(api, "w", "training").register()
        task = start_training(api)
        seen = visit(backend.url)
        seen.expect("401")
        page, login = seen.page, seen.page.locator("#login")
        expect(page.locator("main")).to_contain_text("Training")
        expect(login).to_be_hidden()
        page.get_by_role("button", name="Cancel: Training").click()
        page.locator("#confirm-yes").click()
        expect(login).to_be_visible()
        page.locator("#login-secret").fill("another-secret-of-somebody")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#login-wrong")).to_be_visible()
        assert seen.accessibility() == ""
        page.locator("#login-secret").fill(SECRET)
        page.get_by_role("button", name="Send").click()
        expect(login).to_be_hidden()
        expect(page.locator("main")).to_contain_text("cancelled", ignore_case=True)
        assert api.get(f"operations/{task}").json()["operation"]["status"] == "cancelled"
        page.goto("about:blank")  # it asks nothing more while the backend goes
