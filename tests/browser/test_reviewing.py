"""What happens to a reviewer's hands at the desk: a key held down, a note and Enter, a key that opens the desk alone."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.browser.eyes import Eyes, browsing, find_browser
from tests.serve.conftest import Build, maker
from tests.serve.counter import Counter

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.timeout(300)
DOUBTS = 4
ANSWER = '{"mood": "glad"}'


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Makes counters whose model is never sure."""
    find_browser()
    folder = tmp_path_factory.mktemp("reviewing")
    with ExitStack() as running:
        yield maker(running, folder, str(folder / "shop.db"))


def doubts(counter: Counter, key: str = "") -> None:
    """Records that wait for a person."""
    for number in range(DOUBTS):
        note = {"id": f"n{number}", "text": f"hm {number}"}
        assert counter.call("POST", "/v1/records/feel", note, key=key).status == 202


def unsure() -> dict[str, str]:
    """What the model says of them."""
    return {f"hm {number}": "?sad" for number in range(DOUBTS)}


def log_in(eyes: Eyes, key: str) -> None:
    """Show a key."""
    eyes.go("/login")
    eyes.page.fill("#key", key)
    with eyes.page.expect_navigation(wait_until="load"):
        eyes.page.keyboard.press("Enter")


def ruled(counter: Counter) -> list[tuple[object, ...]]:
    """What was ruled."""
    return list(counter.ask("SELECT ruling, note FROM review WHERE ruling IS NOT NULL ORDER BY id"))


def test_enter_in_a_note_rules_nothing(browser: "Browser", make: Build) -> None:
    """A reviewer who writes why an answer is wrong and presses Enter would rule it right."""
    counter = make(unsure())
    doubts(counter)
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        eyes.go("/desk")
        eyes.page.keyboard.press("n")
        eyes.page.keyboard.type("not sad at all")
        eyes.page.keyboard.press("Enter")
        eyes.page.wait_for_timeout(500)
        assert ruled(counter) == []
        eyes.page.keyboard.press("Escape")
        eyes.press("x")
        assert ruled(counter) == [("reject", "not sad at all")]
        assert eyes.clean


def test_a_key_that_is_held_down_rules_once(browser: "Browser", make: Build) -> None:
    """A finger that rests on a key would rule on question after question that nobody has seen."""
    counter = make(unsure())
    doubts(counter)
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        eyes.go("/desk")
        with eyes.page.expect_navigation(wait_until="load"):
            eyes.page.keyboard.down("r")
        for _ in range(3):
            eyes.page.keyboard.down("r")
            eyes.page.wait_for_timeout(300)
        eyes.page.keyboard.up("r")
        assert [ruling for ruling, _ in ruled(counter)] == ["right"]
        eyes.press("r")
        assert [ruling for ruling, _ in ruled(counter)] == ["right", "right"]


def test_the_command_key_sends_a_correction_too(browser: "Browser", make: Build) -> None:
    """On a Mac, Ctrl+Enter is Command+Enter in every other program."""
    counter = make(unsure())
    doubts(counter)
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        eyes.go("/desk")
        eyes.page.keyboard.press("w")
        eyes.page.fill("#answer", ANSWER)
        eyes.press("Meta+Enter")
        assert [ruling for ruling, _ in ruled(counter)] == ["wrong"]


def test_a_reviewer_s_key_opens_the_desk(browser: "Browser", make: Build) -> None:
    """Whoever may only review would log in, be told that they may not, and find no way to the desk."""
    counter = make(unsure(), "later")
    admin, key = counter.new_key("ann", "--role", "admin"), counter.new_key("ben", "--role", "review")
    counter.start()
    doubts(counter, admin)
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        log_in(eyes, key)
        assert eyes.text("h1") == "Review desk"
        assert eyes.page.locator("nav a").all_inner_texts() == ["Review desk"]
        assert eyes.go("/cost") == 403
        assert "`operate`" in eyes.text("main")
        with eyes.page.expect_navigation(wait_until="load"):
            eyes.page.locator("main a").click()
        assert eyes.text("h1") == "Review desk"


def test_one_can_leave(browser: "Browser", make: Build) -> None:
    """On a machine that others use, the next one would rule in a reviewer's name for a day."""
    counter = make(unsure(), "later")
    key = counter.new_key("ann", "--role", "admin")
    counter.start()
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        log_in(eyes, key)
        cookies = eyes.page.context.cookies()
        with eyes.page.expect_navigation(wait_until="load"):
            eyes.page.get_by_role("button", name="Log out").click()
        assert eyes.text("h1") == "Log in"
        eyes.page.context.add_cookies(cookies)  # type: ignore[arg-type] # what it gave is what it takes
        eyes.go("/desk")
        assert eyes.text("h1") == "Log in", "the visit itself has ended, not its cookie alone"


def test_a_tab_that_outlived_its_service_says_so(browser: "Browser", make: Build) -> None:
    """A page that renews itself would be empty once the service was started anew, and nobody would know why."""
    counter = make(unsure(), "later")
    key = counter.new_key("ann", "--role", "admin")
    counter.start()
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        log_in(eyes, key)
        port = counter.port
        counter.stop()
        eyes.page.wait_for_timeout(4_000)
        assert "Waits for people" in eyes.text("main"), "what was known stays"
        counter.start("--port", str(port))
        eyes.page.locator("h1", has_text="Log in").wait_for(timeout=15_000)


def test_each_record_of_a_key_has_its_own_story(browser: "Browser", make: Build) -> None:
    """Where two steps have a record of one key, both rows would lead to the story of the newer one."""
    counter = make({"what a day": "glad"})
    for step in ("feel", "twice"):
        assert counter.call("POST", f"/v1/records/{step}", {"id": "n1", "text": "what a day"}).status == 200
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        eyes.go("/records?entry=feel")
        eyes.page.locator("#found tbody a").click()
        assert "feel" in eyes.text(".facts")
        eyes.page.locator("main a", has_text="twice, version 1").click()
        eyes.page.wait_for_url("**/records/n1?number=*")
        eyes.page.locator(".facts", has_text="twice").wait_for()


def test_a_person_is_told_of_a_fault_in_a_page(browser: "Browser", make: Build) -> None:
    """Whoever mistypes an address in a browser would be met by JSON, without a way back."""
    counter = make({})
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        for path, status in (("/nope", 404), ("/records?job=abc", 422), ("/desk/7", 405)):
            assert eyes.go(path) == status, path
            assert eyes.page.locator("main a").count() == 1, path


def test_a_refused_search_leaves_what_was_found(browser: "Browser", make: Build) -> None:
    """The list, and with it the place where the next search is shown, would be gone until the page is loaded anew."""
    counter = make(unsure())
    doubts(counter)
    with browsing(browser, f"http://127.0.0.1:{counter.port}") as eyes:
        eyes.go("/records")
        with eyes.page.expect_response(lambda said: said.status == 422):
            eyes.page.fill("[name=key]", "n" * 2_001)
        eyes.page.wait_for_timeout(500)
        assert eyes.page.locator("#found tbody tr").count() == DOUBTS
        eyes.page.fill("[name=key]", "n1")
        eyes.page.wait_for_url("**key=n1&**")
        assert eyes.page.locator("#found tbody tr").count() == 1
