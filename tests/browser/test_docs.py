"""The API's documentation at `/docs`: it shows what /openapi.json says, and asks no other address."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.api.backend import Backend
from tests.browser.visit import DESKTOP, PHONE, Visit


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_route_is_documented_with_parameters_body_and_answers(
    backend: Backend, visit: Callable[..., Visit], size: tuple[int, int]
) -> None:
    seen = visit(f"{backend.url}/docs", size=size)
    with backend.api as api:
        described = api.get(f"{backend.url}/openapi.json").json()["paths"]
    count = sum(len(methods) for methods in described.values())
    routes = seen.page.locator("details")
    expect(seen.page.get_by_role("status")).to_have_text(f"{count} of {count} routes")
    expect(routes).to_have_count(count)
    seen.page.get_by_label("Filter the routes").fill("post backtests/start")
    expect(seen.page.get_by_role("status")).to_have_text(f"1 of {count} routes")
    route = routes.filter(visible=True)
    route.locator("summary").press("Enter")
    expect(route).to_contain_text("initial_capital?: number")
    expect(route).to_contain_text('status: "started"')
    assert seen.accessibility() == ""
    assert not seen.is_wider_than_the_window()
    seen.page.get_by_label("Filter the routes").fill("get equity")
    routes.filter(visible=True).locator("summary").click()
    expect(routes.filter(visible=True)).to_contain_text("csv or json; otherwise Accept decides")
    seen.screenshot(f"docs-{size[0]}")
