"""A label in doubt at the workbench: judged blind, with one key, by somebody who can't know what was said before."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from inspection.models import Inspection, Product
from labeling.models import Label, Recheck
from labeling.queue import recheck_queue
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.review import review
from tests.browser import Login, TakeScreenshots
from tests.labeling.rechecks.label_issues import make_version_with_label_issues
from tests.pages.axe import violations
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import press_key, standing_verdicts, wait_until_saved
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ada(page: Page, login: Login, make_person: MakePerson) -> User:
    """The reviewer at the page."""
    person = make_person("ada")
    login(page, person)
    return person


@pytest.fixture
def label_issue_recheck(
    product: Product,
    receive: Receive,
    make_person: MakePerson,
    make_version: MakeVersion,
    monkeypatch: pytest.MonkeyPatch,
) -> Recheck:
    """A part that the champion scored, that mia called scratched, and whose label the next version doubts."""
    make_version(product, champion=True)
    part = receive("", 0, title="scratch-07.jpg")
    label = review.correct(
        part, by=make_person("mia", "quality manager"), verdict="FAIL", defect_type="scratch", comment="Look left"
    )
    (opened,) = open_rechecks(make_version_with_label_issues(product, label))
    monkeypatch.setattr(recheck_queue, "offer_recheck_first", lambda _: True)
    return opened


@pytest.fixture
def waiting_part(receive: Receive) -> Inspection:
    """A part that came in before there was a model: it waits, whatever a version would say of it."""
    return receive("P-1", 1)


def page_text(page: Page) -> str:
    """All that the page holds of the part on the screen, hidden or not, and of the last decision."""
    return page.locator("#part").inner_html() + page.locator(".bench-foot").inner_html() + page.title()


def test_it_is_judged_blind_and_the_next_part_comes(
    page: Page, take_screenshots: TakeScreenshots, ada: User, waiting_part: Inspection, label_issue_recheck: Recheck
) -> None:
    page.goto("/review/")
    expect(page.get_by_text("Review without the model")).to_be_visible()
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    take_screenshots(page, "recheck")
    assert violations(page) == []
    for word in ("FAIL", "PASS", "scratch", "mia", "Look left", "%", "heatmap", "version", "own label", "doubts"):
        assert word not in page_text(page), word

    assert press_key(page, "p") == str(label_issue_recheck.inspection_id)
    expect(page.locator("#part .part")).to_have_attribute("data-title", waiting_part.part_id)
    wait_until_saved(page)
    answer = Label.objects.get(reviewer=ada)
    assert (answer.verdict, answer.source, answer.defect_type) == ("PASS", Label.Source.REVIEW, None)
    label_issue_recheck.refresh_from_db()
    assert (label_issue_recheck.outcome, label_issue_recheck.answer) == (Recheck.Outcome.CHANGED, answer)
    assert review.standing_label(label_issue_recheck.inspection) == answer
    assert Label.objects.filter(pk=label_issue_recheck.label_id, undo=None).exists(), "The old label stays, as history."


def test_the_same_word_again_confirms_the_label_and_taking_it_back_asks_again_blind(
    page: Page, ada: User, label_issue_recheck: Recheck
) -> None:
    page.goto("/review/")
    press_key(page, "1")
    wait_until_saved(page)
    label_issue_recheck.refresh_from_db()
    assert label_issue_recheck.outcome == Recheck.Outcome.CONFIRMED
    page.keyboard.press("u")
    expect(page.get_by_text("Review without the model")).to_be_visible()
    assert "scratch" not in page_text(page)
    label_issue_recheck.refresh_from_db()
    assert (label_issue_recheck.outcome, label_issue_recheck.answer) == ("", None)
    assert review.standing_label(label_issue_recheck.inspection) == label_issue_recheck.label


def test_it_refuses_to_agree_with_a_model_that_nobody_hears(
    page: Page, ada: User, label_issue_recheck: Recheck
) -> None:
    page.goto("/review/")
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    expect(page.locator("#confirm")).to_be_disabled()
    page.keyboard.press("h")
    page.keyboard.press(" ")
    expect(page.locator("#say")).to_have_text("You review this part without the model. Press P or F.")
    assert page.locator("#part img").count() == 1
    assert not Label.objects.filter(reviewer=ada).exists()


def test_the_plain_form_is_as_blind(
    page: Page, take_screenshots: TakeScreenshots, ada: User, label_issue_recheck: Recheck
) -> None:
    page.goto("/review/plain/")
    take_screenshots(page, "recheck-plain")
    detail = page.locator(".detail")
    expect(detail).to_contain_text("Review without the model")
    for word in ("scratch-07", "mia", "Look left", "%", "own label"):
        assert word not in detail.inner_html(), word
    detail.get_by_role("button", name="PASS").click()
    expect(page.get_by_text("PASS.")).to_be_visible()
    assert Inspection.objects.get(pk=label_issue_recheck.inspection_id).resolved_at is not None
    assert list(standing_verdicts().values()) == ["PASS"]
