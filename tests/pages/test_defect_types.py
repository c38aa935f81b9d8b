"""The defect types' pages: a picture guide for all, and a quality manager's hands on them."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from inspection.models import Inspection, Product
from labeling.models import DefectExample, DefectType, Label
from labeling.review import review
from tests.browser import Login, TakeScreenshots
from tests.pages.conftest import MakePerson, Receive

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def mia(page: Page, login: Login, make_person: MakePerson) -> User:
    """The quality manager at the page."""
    person = make_person("mia", "quality manager")
    login(page, person)
    return person


@pytest.fixture
def scratched_parts(product: Product, receive: Receive, mia: User) -> list[Inspection]:
    parts = [receive(f"P-{number}", 1) for number in range(5)]
    for part in parts:
        review.correct(part, by=mia, verdict="FAIL", defect_type="scratch")
    return parts


def test_a_type_is_added_shown_by_example_and_renamed(
    page: Page, take_screenshots: TakeScreenshots, mia: User, scratched_parts: list[Inspection]
) -> None:
    page.goto("/defect-types/")
    page.get_by_label("Name", exact=True).fill("deep dent")
    page.get_by_label("Key", exact=True).select_option("3")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Added deep-dent.")).to_be_visible()
    expect(page.get_by_role("heading", name="deep-dent")).to_be_visible()

    page.get_by_role("link", name="Change scratch").click()
    for part in scratched_parts[:3]:
        page.get_by_role("button", name=f"Add {part.part_id}").click()
        expect(page.get_by_role("button", name=f"Remove {part.part_id}")).to_be_visible()
    take_screenshots(page, "defect-type")
    page.get_by_role("button", name="Remove P-0").click()
    expect(page.get_by_role("button", name="Add P-0")).to_be_visible()
    assert DefectExample.objects.count() == 2

    page.get_by_label("Key", exact=True).select_option("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("Key 3 is already used by deep-dent. Choose another key.")
    page.get_by_label("Key", exact=True).select_option("1")
    page.get_by_label("Name", exact=True).fill("score")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="score", exact=True)).to_be_visible()
    page.goto("/defect-types/")
    expect(page.get_by_role("row", name=re.compile("scratch score"))).to_be_visible()
    assert str(Label.objects.filter(inspection=scratched_parts[0]).get()) == "FAIL score"
    assert DefectType.objects.get(name="score").colour == "", "The palette's, untouched."


def test_a_merge_says_what_changes_before_it_does(
    page: Page, take_screenshots: TakeScreenshots, mia: User, product: Product, scratched_parts: list[Inspection]
) -> None:
    kind = DefectType.objects.get(name="scratch")
    page.goto(f"/defect-types/{kind.pk}/")
    page.get_by_label("Merge into", exact=True).select_option("excess")
    page.get_by_role("button", name="Review the merge").click()
    expect(page.get_by_text("5 labels “scratch” will count as “excess”, which has 0 now.")).to_be_visible()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    take_screenshots(page, "defect-type-merge")
    assert kind.merged_into is None
    page.get_by_role("button", name="Merge scratch into excess").click()
    expect(page.get_by_text("scratch was merged into excess.")).to_be_visible()
    take_screenshots(page, "defect-types-merged")
    page.goto(f"/inspections/{scratched_parts[0].pk}/")
    expect(page.get_by_text("Labeled FAIL (scratch, now called excess) by mia")).to_be_visible()
    expect(page.locator("#defect_type")).to_have_value("excess")
    page.goto(f"/defect-types/{kind.pk}/")
    expect(page.get_by_role("heading", name="excess", exact=True)).to_be_visible()


def test_reviewers_look_and_change_nothing(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    make_person: MakePerson,
    scratched_parts: list[Inspection],
) -> None:
    kind = DefectType.objects.get(name="scratch")
    for part in scratched_parts:
        DefectExample.objects.create(defect_type=kind, inspection=part, added_by=make_person(f"m{part.part_id}"))
    login(page, make_person("ada"))
    page.goto("/")
    page.get_by_role("link", name="Defect types").click()
    expect(page.get_by_role("img", name="scratch: part P-0")).to_be_visible()
    expect(page.get_by_role("link", name="Change")).to_have_count(0)
    expect(page.get_by_role("button", name="Add")).to_have_count(0)
    page.wait_for_function("() => [...document.images].every(one => one.complete)")
    take_screenshots(page, "defect-types-guide")
    for path in (f"/defect-types/{kind.pk}/", f"/defect-types/{kind.pk}/merge/?into={kind.pk}"):
        answer = page.goto(path)
        assert answer is not None and answer.status == 403


def test_it_refuses_what_makes_no_sense(page: Page, mia: User, product: Product) -> None:
    kind, other = DefectType.objects.order_by("key")
    for path in ("/defect-types/999/", f"/defect-types/{kind.pk}/merge/?into=x", f"/defect-types/{kind.pk}/merge/"):
        answer = page.goto(path)
        assert answer is not None and answer.status == 404
    page.goto(f"/defect-types/{kind.pk}/merge/?into={kind.pk}")
    expect(page).to_have_url(re.compile(rf"/defect-types/{kind.pk}/$"))
    page.goto("/defect-types/")
    page.get_by_label("Name", exact=True).fill(other.name)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_have_text(f"The type {other.name} already exists. Choose another name.")
    expect(page.get_by_label("Name", exact=True)).to_have_value(other.name)
