"""Make the pictures of README.md anew: python docs/screenshots.py BASE USER PASSWORD [CHROMIUM]

BASE is where `manage.py up --demo` runs, such as http://127.0.0.1:8000. It needs the packages of the tests
(pip install -e '.[test]') and writes into docs/images/.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
LIGHT = {"viewport": {"width": 1400, "height": 900}, "color_scheme": "light", "reduced_motion": "reduce"}


def home(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/")
    expect(page.get_by_text("The destination is well.")).to_be_visible()


def destination(page: Page, base: str) -> None:
    page.goto(f"{base}/admin/destinations/destination/")
    page.get_by_role("link", name="Demo receiver", exact=True).first.click()
    page.get_by_role("button", name="Random that matches").click()
    page.get_by_role("button", name="Toggle navigation").click()
    page.get_by_role("textbox", name="Mapping").press("ControlOrMeta+End")
    for _ in range(2):  # out of the object's end
        page.keyboard.press("ArrowLeft")
    page.keyboard.insert_text(',\n  "vip": "profile@traits.vip"')
    expect(page.locator(".tracsync-places")).to_contain_text("profile@traits.vip")
    page.locator(".field-prerequisites").evaluate("field => scrollTo(0, field.offsetTop - 60)")


def main(base: str, user: str, password: str, chromium: str = "/usr/bin/chromium") -> None:
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(**LIGHT)
        page.goto(f"{base}/admin/login/")
        page.get_by_label("Username").fill(user)
        page.get_by_label("Password").fill(password)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{base}/admin/")
        for show in (home, destination):
            show(page, base)
            page.screenshot(path=IMAGES / f"{show.__name__}.png")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
