"""The workbench on a phone: upright the part has half of the screen, sideways it stands left at full height."""

from __future__ import annotations

from collections.abc import Callable

import pgtrigger
import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from labeling.models import DefectType
from tests.browser import SCREENSHOTS, Login
from tests.pages.conftest import MakePerson, Receive
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

UPRIGHT, SIDEWAYS, SMALL_SIDEWAYS = (390, 844), (844, 390), (667, 375)
BOX = """selector => {
  const box = document.querySelector(selector).getBoundingClientRect();
  return { left: box.left, top: box.top, right: box.right, bottom: box.bottom, width: box.width, height: box.height };
}"""


@pytest.fixture
def open_workbench(
    page: Page, login: Login, product: Product, receive: Receive, make_person: MakePerson, make_version: MakeVersion
) -> Callable[[tuple[int, int], str], Page]:
    """Return ``workbench(size, theme)``: an unsure part, in a window of that size."""
    make_version(product, champion=True)
    for number, name in enumerate(("dent", "burr", "stain", "crack"), start=3):
        DefectType.objects.create(product=product, name=name, key=str(number))
    unsure = {"verdict": "REVIEW", "reasons": ["low_confidence", "novel_anomaly"]}
    for number in range(6):
        part = receive(f"P-{number}", number)
        with pgtrigger.ignore("inspection.Inspection:verdict_is_final"):
            type(part).objects.filter(pk=part.pk).update(**unsure)
    login(page, make_person("ada"))

    def show(size: tuple[int, int], theme: str = "dark") -> Page:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.goto("/review/")
        expect(page.locator("#workbench[data-ready]")).to_be_visible()
        page.wait_for_load_state("networkidle")
        return page

    return show


def save_screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_upright_the_part_has_half_of_the_screen(open_workbench: Callable[..., Page], theme: str) -> None:
    page = open_workbench(UPRIGHT, theme)
    save_screenshot(page, f"review-upright-{theme}")
    stage = page.evaluate(BOX, ".stage")
    assert stage["height"] >= 0.5 * UPRIGHT[1] and stage["width"] == UPRIGHT[0]
    for name in ("PASS", "FAIL", "Undo", "Skip"):
        box = page.get_by_role("button", name=name, exact=False).first.bounding_box()
        assert box is not None and box["y"] + box["height"] <= UPRIGHT[1] - 60, f"{name} is under the bar"

    page.locator(".pull summary").click()
    expect(page.locator(".thinks .facts")).to_be_in_viewport()
    save_screenshot(page, f"review-upright-pulled-{theme}")
    page.locator(".pull summary").click()
    expect(page.locator(".thinks .facts")).not_to_be_in_viewport()


@pytest.mark.parametrize("size", [SIDEWAYS, SMALL_SIDEWAYS])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_sideways_the_part_stands_left_at_full_height(
    open_workbench: Callable[..., Page], size: tuple[int, int], theme: str
) -> None:
    page = open_workbench(size, theme)
    page.keyboard.press("h")
    save_screenshot(page, f"review-sideways-{size[0]}-{theme}")
    stage, image, tools = (page.evaluate(BOX, one) for one in (".stage", ".part-image", ".tools"))
    assert (stage["top"], stage["height"]) == (0, size[1])
    assert image["height"] >= 0.9 * size[1] and image["right"] <= tools["left"], "No tool lies over the part."
    for name in ("PASS", "FAIL", "Undo", "Skip"):
        box = page.get_by_role("button", name=name, exact=False).first.bounding_box()
        assert box is not None and box["x"] >= stage["right"] and box["y"] + box["height"] <= size[1]


def test_both_maps_together_leave_the_defect_visible(open_workbench: Callable[..., Page]) -> None:
    page = open_workbench((1440, 900))
    opacity = "() => [...document.querySelectorAll('.overlay.shown')].map(one => Number(getComputedStyle(one).opacity))"
    page.keyboard.press("h")
    both = page.evaluate(opacity)
    # The pictures themselves are opaque up to 0.4.
    assert len(both) == 2 and 1 - (1 - 0.4 * both[0]) * (1 - 0.4 * both[1]) <= 0.4
    save_screenshot(page, "review-both-maps")
    page.get_by_label("Heatmap opacity").fill("0.5")
    assert page.evaluate(opacity) == pytest.approx([one / 2 for one in both])
    page.keyboard.press("h")
    expect(page.locator(".map-strength")).to_be_hidden()


def test_a_held_key_peeks(open_workbench: Callable[..., Page]) -> None:
    page = open_workbench((1440, 900))
    anomaly = page.get_by_role("button", name="Anomaly")
    page.keyboard.down("a")
    expect(anomaly).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(500)
    page.keyboard.up("a")
    expect(anomaly).to_have_attribute("aria-pressed", "false")
    anomaly.click(delay=600)
    expect(anomaly).to_have_attribute("aria-pressed", "false")
    anomaly.click()
    expect(anomaly).to_have_attribute("aria-pressed", "true")
