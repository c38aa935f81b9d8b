"""Take the pictures of all pages: `make screenshots`, or ``python -m tests.pictures [--site FOLDER] [NAME …]``.

With ``--site`` the plant stays in that folder, and the next run goes on with it in seconds instead of minutes; only
`review-group` and `review-done` use up the parts that they show.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.chromium import FLAGS, chromium
from tests.pictures import site

NO_CHROMIUM = """No Chromium was found. Install one, for example by
    apt-get install -y chromium fonts-dejavu-core      (Debian, Ubuntu; brew install chromium on a Mac)
    .venv/bin/python -m playwright install chromium    (it says where; name the `chrome` there in CHROMIUM)
or name one that is there: CHROMIUM=/path/to/chrome make screenshots"""


def main() -> None:
    """Take them."""
    asked = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    asked.add_argument("names", nargs="*", help="pages of tests/pictures/pages.py; all by default")
    asked.add_argument("--site", type=Path, help="a folder to keep the plant in; a temporary one by default")
    options = asked.parse_args()
    executable = chromium()
    if executable is None:
        sys.exit(NO_CHROMIUM)
    with ExitStack() as stack:
        folder = options.site or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sl-pictures-")))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(site.open_site(folder.resolve()))
        _make_demo_history(folder)
        _take_screenshots(executable, options.names)


def _make_demo_history(folder: Path) -> None:
    from tests.pictures import demo_history

    told = folder / "told"
    if not told.exists():
        demo_history.play(partial(print, flush=True))
        told.touch()


def _take_screenshots(executable: str, names: list[str]) -> None:
    from tests.pictures import gallery, screenshots
    from tests.pictures.pages import PAGES

    gallery.FOLDER.mkdir(parents=True, exist_ok=True)
    with site.serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        for page in PAGES:
            if names and page.name not in names:
                continue
            if not page.is_there:
                print(f"{page.name}: not there yet, passed over")
                continue
            sizes = [
                path.stat().st_size // 1024
                for path in screenshots.take_screenshots(browser, address, page, gallery.FOLDER)
            ]
            print(f"{page.name}: {' and '.join(map(str, sizes))} kB")
        browser.close()
    gallery.GALLERY.write_text(gallery.gallery_text())


if __name__ == "__main__":
    main()
