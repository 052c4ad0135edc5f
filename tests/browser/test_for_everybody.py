"""Whether everybody can use the console: a phone, 400 % zoom, a keyboard alone, light and dark, contrast."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.eyes import Eyes, browsing
from tests.browser.stage import Stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(400)  # a busy machine draws slowly; nothing here waits for a clock
PAGES = (
    "/",
    "/runs",
    "/records",
    "/records/T-1006",
    "/desk",
    "/quality",
    "/cost",
    "/versions",
    "/docs",
    "/login",
)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = 25  # of axe that apply to a page here, at least: fewer would mean that it did not look


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_meets_wcag_aa(browser: "Browser", stage: Stage, scheme: str) -> None:
    """Somebody with poor sight or a screen reader could not read or use a page (axe-core, WCAG 2.2 A and AA)."""
    stage.people("audit", most=5)
    axe = pytest.importorskip(
        "axe_playwright_python.base", reason="no axe here: pip install axe-playwright-python"
    )
    source = Path(axe.__file__).with_name("axe.min.js").read_text("utf-8")
    found, passed = [], 0
    with browsing(browser, stage.url, scheme=scheme) as eyes:
        for path in PAGES:
            eyes.go(path)
            for one in eyes.page.locator("details").all()[:3]:
                one.evaluate("(shown) => { shown.open = true; }")
            eyes.page.evaluate(source)
            said = eyes.page.evaluate("(tags) => axe.run({runOnly: tags})", TAGS)
            passed = max(passed, len(said["passes"]))
            found += [
                (path, one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"][:300])
                for one in said["violations"]
            ]
    assert found == []
    assert passed >= RULES, passed


@pytest.mark.parametrize("width", [390, 320], ids=["phone", "zoom-400"])
def test_no_page_is_wider_than_its_window(browser: "Browser", stage: Stage, width: int) -> None:
    """On a phone, or at 400 % zoom (320 CSS pixels), one would scroll sideways to read a line (WCAG 1.4.10)."""
    with browsing(browser, stage.url, width=width) as eyes:
        wide = []
        for path in PAGES:
            assert eyes.go(path) == 200, path
            if eyes.overflow > 0:
                wide.append((path, eyes.overflow))
            low = eyes.page.evaluate(
                "[...document.querySelectorAll('main button:not([hidden]), main input:not([type=hidden]), main select')]"
                ".filter((one) => one.getBoundingClientRect().height < 24).length"
            )
            assert low == 0, (path, "what one presses is at least 24 pixels high (WCAG 2.5.8)")
    assert wide == []


def test_the_keyboard_is_enough(eyes: Eyes) -> None:
    """Somebody without a mouse could not get past the menu, or would not see where they are (WCAG 2.4.1, 2.4.3, 2.4.7)."""
    for path in PAGES[:-1]:
        eyes.go(path)
        eyes.page.keyboard.press("Tab")
        assert eyes.page.evaluate("document.activeElement.className") == "skip", path
        last = -1
        for _ in range(25):
            eyes.page.keyboard.press("Tab")
            place, outline, name = eyes.page.evaluate(
                "(() => { const one = document.activeElement, style = getComputedStyle(one);"
                "return [[...document.querySelectorAll('*')].indexOf(one),"
                "style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth), one.outerHTML.slice(0, 120)]; })()"
            )
            if name.startswith("<body") or 'class="skip"' in name:
                break  # past the end of a short page the browser begins again
            assert place > last, (path, name, "the order of the keyboard is that of the page")
            assert outline >= 2, (path, name, "where one is, is seen")
            last = place
    eyes.go("/records")
    eyes.page.keyboard.press("Tab")
    eyes.page.keyboard.press("Enter")
    assert eyes.page.evaluate("document.activeElement.id") == "main"
    eyes.page.keyboard.press("Tab")
    assert eyes.page.evaluate("document.activeElement.name") == "words", "past the menu, into the page"


def test_the_pages_work_without_scripts(browser: "Browser", stage: Stage) -> None:
    """A reader without scripts would find no record and could not rule."""
    with browsing(browser, stage.url) as eyes:
        eyes.page.route("**/static/*.js", lambda route: route.abort())
        eyes.go("/records?words=clock+that+can")
        assert eyes.page.locator("#found tbody tr").count() >= 1
        eyes.go("/desk")
        key = eyes.text(".ask h2")
        with eyes.page.expect_navigation():
            eyes.page.locator("button", has_text="Skip").click()
        assert eyes.text(".ask h2") != key
