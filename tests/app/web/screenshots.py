"""Takes the pictures of the page that the documentation shows.

python -m tests.app.web.screenshots http://127.0.0.1:8000 docs
"""

import argparse
import shutil
from pathlib import Path

from tests.app.web.conftest import FLAGS

WIDTHS = {"page.png": 1440, "page_narrow.png": 390}
PATIENCE_MS = 120_000


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="of a server that runs")
    parser.add_argument("out", type=Path, help="folder to write to")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=list(FLAGS), timeout=PATIENCE_MS
        )
        for name, width in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.set_default_timeout(PATIENCE_MS)
            page.goto(arguments.url)
            page.wait_for_selector("body[data-ready]")
            page.click("[data-example='street.jpg']")
            page.wait_for_selector("#measurements tbody")
            page.wait_for_selector("#steps:not(:has(.running))", state="attached")
            page.wait_for_timeout(1000)
            page.screenshot(path=arguments.out / name, full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
