"""Takes the pictures of the console in docs/pictures: the shipped demo in a real Chromium. `make pictures` runs it."""  # noqa: INP001 - run with `python -m docs.pictures`, never installed

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.browser.eyes import browsing, chromium
from tests.browser.stage import CANDIDATE, JUDGED, staged

PLACE = Path(__file__).parent / "pictures"
BYTES_MAX = 150_000  # which record a picture shows is drawn by chance, and text costs what it costs
# name, path, width, height, scheme
PICTURES = (
    ("today", "/", 1280, 720, "light"),
    ("today-dark", "/", 1280, 720, "dark"),
    ("runs", "/runs", 1280, 400, "light"),
    ("records", "/records?words=refund", 1280, 470, "light"),
    ("record", "/records/T-1044", 1280, 1000, "light"),
    ("desk", "/desk", 1280, 700, "light"),
    ("desk-dark", "/desk", 1280, 700, "dark"),
    ("desk-phone", "/desk", 390, 844, "light"),
    ("quality", "/quality", 1280, 1240, "light"),
    ("cost", "/cost", 1280, 840, "light"),
    ("versions", "/versions", 1280, 800, "light"),
    ("api", "/docs", 1280, 720, "light"),
)


def main() -> None:
    """Take every picture."""
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="oakpeg-") as folder, staged(Path(folder)) as stage:
        stage.command(*CANDIDATE, *JUDGED)
        stage.people("audit", most=64)
        stage.people("gate")
        stage.command(*CANDIDATE, *JUDGED)
        with stage.served(), chromium() as browser:
            for name, path, width, height, scheme in PICTURES:
                with browsing(browser, stage.url, width, height, scheme) as eyes:
                    eyes.go(path)
                    place = PLACE / f"{name}.png"
                    eyes.page.screenshot(path=str(place))
                    size = place.stat().st_size
                    print(f"{place.name}: {size:,} bytes")  # noqa: T201 - a command
                    if size > BYTES_MAX:
                        sys.exit(f"{place.name} is larger than {BYTES_MAX:,} bytes. Make its window smaller.")


if __name__ == "__main__":
    main()
