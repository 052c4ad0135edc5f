"""A browser that counts what a page must not do: run a script, ask anyone else, break its policy, overflow its width."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

MISSING = "no Chromium here: install Debian's package chromium"
HOOK = """
window.__ran = [];
window.__policy = [];
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = (...said) => { window.__ran.push(name + ":" + said); };
document.addEventListener("securitypolicyviolation", (event) => window.__policy.push(event.violatedDirective + " " + event.blockedURI));
Object.defineProperty(window, "pwned", { set(value) { window.__ran.push("pwned:" + value); }, get() { return undefined; } });
"""


@dataclass
class Eyes:
    """One page of a browser, and what it did."""

    page: "Page"
    home: str
    outside: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    policy: list[str] = field(default_factory=list)

    def go(self, path: str) -> int:
        """Open a page; its status."""
        found = self.page.goto(self.home + path, wait_until="load")
        self.look()
        return 0 if found is None else found.status

    def look(self) -> None:
        """Collect what the page ran and where it broke its policy."""
        self.ran += self.page.evaluate("window.__ran.splice(0)")
        self.policy += self.page.evaluate("window.__policy.splice(0)")

    @property
    def overflow(self) -> int:
        """CSS pixels that the page is wider than its window."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    def press(self, key: str) -> None:
        """Press a key and wait for the page that it leads to."""
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press(key)

    def text(self, selector: str) -> str:
        """What stands somewhere."""
        return self.page.locator(selector).first.inner_text()

    @property
    def clean(self) -> bool:
        """Whether nothing ran, nobody else was asked and no policy was broken."""
        self.look()
        return not (self.ran or self.outside or self.policy or self.told)


def find_browser() -> str:
    """Where Chromium is; a test that wants one where there is none is skipped, in words."""
    pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install playwright")
    place = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if place is None:
        pytest.skip(MISSING)
    return place


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser, for many pages."""
    place = find_browser()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - may be missing

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browsing(
    browser: "Browser", home: str, width: int = 1280, height: int = 800, scheme: str = "light"
) -> Iterator[Eyes]:
    """A page of somebody who was never here."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        context.add_init_script(HOOK)
        eyes = Eyes(context.new_page(), home)
        eyes.page.set_default_timeout(90_000)
        watch(eyes)
        yield eyes
    finally:
        context.close()


def watch(eyes: Eyes) -> None:
    """Note every request to somebody else, every dialogue and every script error."""
    own = urlsplit(eyes.home).netloc

    def asked(request: "Request") -> None:
        if urlsplit(request.url).netloc != own:
            eyes.outside.append(request.url)

    def dialogue(shown: "Dialog") -> None:
        eyes.ran.append(f"dialogue:{shown.message}")
        shown.dismiss()

    eyes.page.on("request", asked)
    eyes.page.on("dialog", dialogue)
    eyes.page.on("pageerror", lambda error: eyes.told.append(str(error)))
