"""How people judge, as a quality manager reads it, and a dispute that they settle from there."""

from __future__ import annotations

import random
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from inspection.models import Inspection, Product
from labeling.models import Recheck, Skip
from labeling.queue import queue
from tests.browser import Login, TakeScreenshots
from tests.labeling.conftest import make_part
from tests.labeling.rechecks.blind_reviews import review_part
from tests.pages.conftest import MakePerson, Receive
from tests.pages.workbench import press_key, wait_until_saved

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KINDS = [("PASS", ""), ("FAIL", "scratch"), ("FAIL", "excess"), ("FAIL", "")]


@pytest.fixture
def people(make_person: MakePerson) -> dict[str, User]:
    """Three reviewers and the manager."""
    made = {name: make_person(name) for name in ("ada", "bob", "carl")}
    return made | {"mia": make_person("mia", "quality manager")}


def serious_violations(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    violations = Axe().run(page).response["violations"]
    return [one["id"] for one in violations if one["impact"] in ("serious", "critical")]


def review_twice(part: Inspection, first: User, second: User, answers: list[tuple[str, str]]) -> None:
    for person, (verdict, kind) in zip((first, second), answers, strict=True):
        review_part(part, person, verdict, defect_type=kind)


def make_reviews(product: Product, people: dict[str, User]) -> None:
    """Forty parts that two people judged, all settled where they differed, and some that one judged twice."""
    chance = random.Random(3)
    names = ["ada", "bob", "carl"]
    for number in range(40):
        first, second = (people[name] for name in chance.sample(names, 2))
        word = chance.choice(KINDS[:3])
        other = chance.choice(KINDS) if chance.random() < 0.15 else word
        part = make_part(product, part_id=f"past-{number}", image_sha256=f"{number:064x}")
        review_twice(part, first, second, [word, other])
        if Recheck.objects.disputed().filter(inspection=part).exists():
            review_part(part, people["mia"], "FAIL")
    Product.objects.update(second_share=0, repeat_share=1)
    for number in range(8):
        part, word = make_part(product, part_id=f"again-{number}"), chance.choice(KINDS[:2])
        review_part(part, people["ada"], word[0])
        Recheck.objects.open().update(due_at=timezone.now())
        review_part(part, people["ada"], word[0])


@pytest.fixture
def disputed_part(product: Product, receive: Receive, people: dict[str, User]) -> Inspection:
    """A part with a past around it that two people differ on, and one that was skipped."""
    Product.objects.update(second_share=1)
    make_reviews(product, people)
    Product.objects.update(second_share=1, repeat_share=0)
    part, skipped = receive("P-7", 1), receive("P-8", 2)
    review_twice(part, people["ada"], people["bob"], [("FAIL", "scratch"), ("PASS", "")])
    claim = queue.claim_part(skipped, reviewer=people["carl"])
    Skip.objects.create(
        claim=claim, inspection=skipped, reviewer=people["carl"], reason=Skip.Reason.UNCLEAR_IMAGE, comment="blurred"
    )
    queue.release(claim)
    return part


def test_it_tells_how_people_agree_and_settles_what_they_differ_on(
    page: Page, take_screenshots: TakeScreenshots, login: Login, disputed_part: Inspection, people: dict[str, User]
) -> None:
    login(page, people["mia"])
    page.goto("/reviewers/")
    expect(page.get_by_role("heading", name="Agreement between reviewers")).to_be_visible()
    expect(page.get_by_role("region", name="Agreement between reviewers, table").locator("tbody tr")).to_have_count(3)
    page.evaluate("document.querySelectorAll('img').forEach(image => { image.loading = 'eager' })")
    take_screenshots(page, "reviewers")
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.cookie = `theme=${theme}; path=/` }", theme)
        page.reload()
        page.locator("#confusion-title").scroll_into_view_if_needed()
        take_screenshots(page, f"reviewers-{theme}")
        assert serious_violations(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.get_by_role("link", name="Adjudicate").click()
    expect(page.get_by_role("heading", name="Adjudicate the disputed label")).to_be_visible()
    take_screenshots(page, "dispute-part")
    assert serious_violations(page) == []
    page.get_by_role("button", name="FAIL").click()
    expect(page.get_by_text("Labeled FAIL. The next")).to_be_visible()
    assert not Recheck.objects.disputed().exists()
    page.goto("/reviewers/")
    expect(page.get_by_text("No disputed label.")).to_be_visible()


def test_the_workbench_offers_a_dispute_first_with_both_verdicts(
    page: Page, take_screenshots: TakeScreenshots, login: Login, disputed_part: Inspection, people: dict[str, User]
) -> None:
    login(page, people["mia"])
    page.goto("/review/")
    expect(page.get_by_text("Two verdicts differ. Your verdict decides.")).to_be_visible()
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    take_screenshots(page, "dispute")
    assert serious_violations(page) == []
    assert press_key(page, "1") == disputed_part.part_id
    wait_until_saved(page)
    assert not Recheck.objects.disputed().exists()


def test_a_second_look_is_hidden_on_the_pages_of_whoever_holds_it(
    page: Page,
    take_screenshots: TakeScreenshots,
    login: Login,
    product: Product,
    receive: Receive,
    people: dict[str, User],
) -> None:
    Product.objects.update(second_share=1)
    part = receive("P-9", 1)
    review_part(part, people["ada"], "FAIL", defect_type="scratch")
    queue.claim_part(part, reviewer=people["bob"])
    login(page, people["bob"])
    page.goto(f"/inspections/{part.pk}/")
    expect(page.get_by_text("shown after your verdict").first).to_be_visible()
    # As a word: the part's id may hold these letters.
    assert not re.search(r"\bada\b", page.locator("main").inner_html())
    take_screenshots(page, "second-look-part")
    page.goto("/inspections/")
    expect(page.get_by_text("shown after your verdict").first).to_be_visible()


def test_it_says_in_words_that_there_is_nothing_yet(
    page: Page, take_screenshots: TakeScreenshots, login: Login, product: Product, people: dict[str, User]
) -> None:
    User.objects.filter(username="mia").update(is_staff=True)
    login(page, people["mia"])
    page.goto("/reviewers/?days=all")
    expect(page.get_by_text("No double review in this time.")).to_be_visible()
    take_screenshots(page, "reviewers-empty")
