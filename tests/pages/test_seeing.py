"""Seeing the defect: overlays that lie where it is, zoom, pan, and light."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Product, ScoreMaps, Station
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson, Receive
from tests.pages.stored_maps import defective_plate, packed_maps
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The part lies in a larger frame; the station's region of interest is the part.
LEFT, TOP, FRAME = 150, 40, (640, 600)
# The middle of what the overlay marks, weighed by how opaque it is, in pixels of the window.
CENTRE = """overlay => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [overlay.naturalWidth, overlay.naturalHeight];
  const draw = canvas.getContext("2d");
  draw.drawImage(overlay, 0, 0);
  const { data } = draw.getImageData(0, 0, canvas.width, canvas.height);
  let [sum, x, y] = [0, 0, 0];
  for (let at = 0; at < data.length / 4; at += 1) {
    const loud = (data[4 * at + 3] / 255) ** 4;
    sum += loud;
    x += loud * ((at % canvas.width) + 0.5);
    y += loud * (Math.floor(at / canvas.width) + 0.5);
  }
  const box = overlay.getBoundingClientRect();
  return [box.left + (x / sum / canvas.width) * box.width, box.top + (y / sum / canvas.height) * box.height];
}"""
BOX = "image => { const box = image.getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; }"


@pytest.fixture
def page_with_heatmap(
    page: Page, login: Login, product: Product, make_person: MakePerson, make_version: MakeVersion
) -> Page:
    """The workbench with a part whose defect the stored map shows."""
    make_version(product, champion=True)
    part = defective_plate()
    frame = Image.new("RGB", FRAME, (70, 72, 76))
    frame.paste(part.image, (LEFT, TOP))
    content = io.BytesIO()
    frame.save(content, "PNG")
    roi = f"{LEFT},{TOP},{part.image.width},{part.image.height}"
    station = Station.objects.create(product=product, name="framed", roi=roi)
    Product.objects.update(review_cost=0)  # a person is asked whatever it says
    found = intake.receive(Submission(io.BytesIO(content.getvalue()), product, station, part_id="P-0"))
    ScoreMaps.objects.filter(inspection=found).update(packed=packed_maps(part))
    type(found).objects.filter(pk=found.pk).exclude(verdict="REVIEW").delete()
    login(page, make_person("ada"))
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    return page


def defect_box(page: Page) -> tuple[float, float, float, float]:
    """Where the drawn defect lies in the window: left, top, right, bottom."""
    left, top, width, height = page.locator(".part-image").evaluate(BOX)
    box = defective_plate().defect_box
    assert box is not None
    across, down = width / FRAME[0], height / FRAME[1]
    return (
        left + (LEFT + box[0]) * across,
        top + (TOP + box[1]) * down,
        left + (LEFT + box[2]) * across,
        top + (TOP + box[3]) * down,
    )


def assert_heatmap_marks_defect(page: Page) -> None:
    x, y = page.locator(".overlay[data-kind=anomaly]").evaluate(CENTRE)
    left, top, right, bottom = defect_box(page)
    assert left <= x <= right, (left, x, right)
    assert top <= y <= bottom, (top, y, bottom)


def test_the_overlay_sits_on_the_defect_also_when_zoomed_and_moved(
    page_with_heatmap: Page, take_screenshots: TakeScreenshots
) -> None:
    overlay = page_with_heatmap.locator(".overlay[data-kind=anomaly]")
    expect(overlay).to_have_css("opacity", "0")
    page_with_heatmap.keyboard.press("a")
    expect(overlay).to_have_css("opacity", "1")
    expect(page_with_heatmap.get_by_role("button", name="Anomaly")).to_have_attribute("aria-pressed", "true")
    assert_heatmap_marks_defect(page_with_heatmap)
    before = page_with_heatmap.locator(".part-image").evaluate(BOX)
    for key in ("+", "+", "ArrowRight", "ArrowDown"):
        page_with_heatmap.keyboard.press(key)
    assert page_with_heatmap.locator(".part-image").evaluate(BOX)[2] == pytest.approx(1.96 * before[2], rel=0.01)
    assert_heatmap_marks_defect(page_with_heatmap)
    page_with_heatmap.keyboard.press("0")
    assert page_with_heatmap.locator(".part-image").evaluate(BOX) == pytest.approx(before, abs=0.5)
    take_screenshots(page_with_heatmap, "review-overlay")
    page_with_heatmap.set_viewport_size({"width": 390, "height": 844})
    page_with_heatmap.wait_for_timeout(200)
    assert_heatmap_marks_defect(page_with_heatmap)


def test_the_wheel_keeps_what_is_under_the_mouse_and_dragging_moves_it(page_with_heatmap: Page) -> None:
    left, top, right, bottom = defect_box(page_with_heatmap)
    page_with_heatmap.mouse.move((left + right) / 2, (top + bottom) / 2)
    page_with_heatmap.mouse.wheel(0, -500)
    page_with_heatmap.wait_for_timeout(100)
    after = defect_box(page_with_heatmap)
    assert after[2] - after[0] > 2 * (right - left)
    # A wheel event tells whole pixels, and the zoom enlarges the rest.
    assert (after[0] + after[2]) / 2 == pytest.approx((left + right) / 2, abs=3)
    assert (after[1] + after[3]) / 2 == pytest.approx((top + bottom) / 2, abs=3)
    page_with_heatmap.mouse.down()
    page_with_heatmap.mouse.move((left + right) / 2 - 40, (top + bottom) / 2 - 25, steps=4)
    page_with_heatmap.mouse.up()
    moved = defect_box(page_with_heatmap)
    assert moved[0] - after[0] == pytest.approx(-40, abs=1)
    assert moved[1] - after[1] == pytest.approx(-25, abs=1)
    page_with_heatmap.mouse.dblclick((left + right) / 2, (top + bottom) / 2)
    assert defect_box(page_with_heatmap) == pytest.approx((left, top, right, bottom), abs=1)


def test_light_is_set_by_keys_and_sliders_and_stays_for_the_next_part(
    page_with_heatmap: Page, receive: Receive
) -> None:
    image = page_with_heatmap.locator(".part-image")
    page_with_heatmap.keyboard.press("b")
    page_with_heatmap.keyboard.press("b")
    page_with_heatmap.keyboard.press("k")
    expect(image).to_have_css("filter", "brightness(1.2) contrast(1.1)")
    page_with_heatmap.locator(".light summary").click()
    expect(page_with_heatmap.get_by_label("Brightness")).to_have_value("1.2")
    page_with_heatmap.get_by_label("Brightness").fill("2")
    expect(image).to_have_css("filter", "brightness(2) contrast(1.1)")
    page_with_heatmap.locator(".light summary").click()
    receive("P-1")
    page_with_heatmap.locator("#workbench").focus()
    page_with_heatmap.keyboard.press("p")
    expect(page_with_heatmap.locator("#part .part")).to_have_attribute("data-title", "P-1")
    expect(image).to_have_css("filter", "brightness(2) contrast(1.1)")
    page_with_heatmap.keyboard.press("0")
    expect(image).to_have_css("filter", "none")
