"""Make the pictures of README.md anew: python docs/screenshots.py BASE USER PASSWORD [CHROMIUM]

BASE is where `manage.py up --demo` runs, such as http://127.0.0.1:8000. It needs the packages of the tests
(pip install -e '.[test]') and writes into docs/images/, in both themes.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
WINDOW = ViewportSize(width=1280, height=800)


def home(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/")
    expect(page.get_by_text("Demo receiver").first).to_be_visible()


def why(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/profiles/profile/demo-04/change/")
    page.get_by_role("link", name="Why? At Demo receiver").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def mapping(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/destinations/destination/")
    page.get_by_role("link", name="Demo receiver", exact=True).first.click()
    page.get_by_role("button", name="Random that matches").click()
    expect(page.locator(".tracsync-places")).to_contain_text("profile@")
    chosen = page.locator("#preview-id").input_value()
    expect(page.locator(".field-mapping")).to_contain_text(f"({chosen})")  # the rows are of the same profile
    page.locator(".field-mapping").evaluate("field => scrollBy(0, field.getBoundingClientRect().top - 150)")


def main(base: str, user: str, password: str, chromium: str = "/usr/bin/chromium") -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for theme in ("light", "dark"):
            page = browser.new_page(viewport=WINDOW, color_scheme=theme, reduced_motion="reduce")
            page.goto(f"{base}/admin/login/")
            page.get_by_label("Username").fill(user)
            page.get_by_label("Password").fill(password)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{base}/admin/")
            for show in (home, why, mapping):
                show(page, base)
                page.screenshot(path=IMAGES / f"{show.__name__}-{theme}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
