"""From a page to a small file: a window of a size, a person logged in, a screenshot, a palette."""

from __future__ import annotations

import io
from pathlib import Path
from unittest.mock import patch

from django.contrib.auth.models import User
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, expect

from labeling.models import Claim
from labeling.queue import queue
from tests.chromium import DESKTOP, PHONE
from tests.pictures.pages import Page, places

SIZES = {"desktop": DESKTOP, "phone": PHONE}
COLOURS = (256, 128, 96, 64)  # the first that makes it small enough
MOST_BYTES = 145_000
PATIENCE = 60_000  # ms: a machine may be slow, a picture that is taken never waits that long


def take_screenshots(browser: Browser, site: str, page: Page, folder: Path) -> list[Path]:
    """Photograph a page in both sizes. Raises AssertionError when it does not answer or its scripts throw."""
    # Now and then a label in doubt comes before the parts that wait, and both sizes show the same part.
    with patch("labeling.queue.recheck_queue.offer_recheck_first", return_value=False):
        return [_take(browser, site, page, folder / f"{page.name}-{size}.png", size) for size in SIZES]


def _take(browser: Browser, site: str, page: Page, path: Path, size: str) -> Path:
    # Whoever looked before has left: the first in the queue is free again.
    for claim in Claim.objects.filter(closed_at__isnull=True):
        queue.release(claim)
    look = {"reduced_motion": "reduce", "color_scheme": page.theme}
    context = browser.new_context(base_url=site, viewport=SIZES[size], **look)  # type: ignore[arg-type]
    context.add_cookies([{"name": "theme", "value": page.theme, "url": site}])
    if page.who:
        _log_in(context, site, page.who)
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    tab, thrown = context.new_page(), list[str]()
    tab.on("pageerror", lambda error: thrown.append(str(error)))
    answer = tab.goto(page.address.format(**places()))
    assert answer is not None and answer.ok, f"{page.name}: {answer and answer.status} from {tab.url}"
    tab.wait_for_load_state("networkidle")
    if page.steps:
        page.steps(tab)
    tab.mouse.move(0, 0)
    assert not thrown, f"{page.name}: {thrown}"
    path.write_bytes(quantize_png(tab.screenshot()))
    context.close()
    return path


def quantize_png(png: bytes) -> bytes:
    """A screenshot with a palette of its own colours, as small as a PNG gets."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    found = b""
    for colours in COLOURS:
        # By coverage: a median cut gives a colour that is on few pixels, such as a map's mark, the tone of another.
        few = picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        stream = io.BytesIO()
        few.save(stream, format="PNG", optimize=True)
        found = stream.getvalue()
        if len(found) <= MOST_BYTES:
            break
    return found


def _log_in(context: BrowserContext, site: str, name: str) -> None:
    client = Client()
    client.force_login(User.objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
