#!/usr/bin/env python3
"""Remake the pictures of the documentation from a running demo hospital, after ``./scripts/simulate --day --wait``.

Run it with the Python of the test environment (it needs ``playwright``) and a Chromium::

    python scripts/screenshots.py --url http://127.0.0.1:8069 --logins <state>/logins.json
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
LOGIN = "integration.admin"
SIZE = (1400, 1180)
"""Width and height of the page in pixels; the README shows the picture at this width."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Remake the pictures of the documentation from a running demo hospital."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8069", help="where Odoo answers (default %(default)s)")
    parser.add_argument("--logins", type=Path, required=True, help="logins.json in the state folder of ./scripts/start")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium", help="the browser")
    return parser.parse_args()


def sign_in(page: Page, url: str, password: str) -> None:
    """Open the web client as the demo hospital's integration administrator."""
    page.goto(f"{url}/web/login")
    page.fill("#login", LOGIN)
    page.fill("#password", password)
    page.click("button[type=submit]")
    page.wait_for_selector(".o_main_navbar", timeout=60_000)


def overview(page: Page, url: str) -> None:
    """Take the Overview, with its figures and its chart."""
    page.goto(f"{url}/odoo/integration")
    page.wait_for_selector(".o_integration_headline", timeout=60_000)
    page.wait_for_selector(".o_integration_hours canvas[style]", timeout=60_000)
    page.screenshot(path=IMAGES / "overview.png")


def main() -> None:
    """Take every picture."""
    options = arguments()
    password = json.loads(options.logins.read_text(encoding="utf-8"))[LOGIN]
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        sign_in(page, options.url, password)
        overview(page, options.url)
        browser.close()
    for picture in sorted(IMAGES.glob("*.png")):
        print(f"{picture.name}: {picture.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
