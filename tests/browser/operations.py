"""The operations as the page lists them."""

from playwright.sync_api import Locator, Page


def rows(page: Page) -> Locator:
    return page.locator("#operations > li")
