"""The sheet of near-identical parts, as the server gives it: looked at by people and by axe."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from inspection.models import Inspection
from labeling.models import Claim
from tests.browser import Login, Shoot
from tests.pages.conftest import MakePerson, Receive

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHEET = """async claim => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const body = new URLSearchParams({ claim });
  const answer = await fetch("/review/alike/", { method: "POST", body, headers: { "X-CSRFToken": token } });
  document.getElementById("workbench").innerHTML = `<div class="bench-words loading">${await answer.text()}</div>`;
}"""


@pytest.fixture
def ada(page: Page, login: Login, make_person: MakePerson) -> User:
    """The reviewer at the page."""
    person = make_person("ada")
    login(page, person)
    return person


def test_all_are_seen_and_one_is_taken_out(page: Page, shoot: Shoot, ada: User, receive: Receive) -> None:
    first, *others = [receive(f"P-{number}", 1) for number in range(7)]
    Inspection.objects.filter(pk__in=[part.pk for part in others]).update(repeat_of=first)
    page.goto("/review/")
    page.wait_for_selector("#part .part")
    page.evaluate(SHEET, str(Claim.objects.get(inspection=first).pk))
    page.evaluate("document.querySelector('.bench-words').className = ''")
    buttons = page.get_by_role("button", name="In the group: P-")
    expect(buttons).to_have_count(7)
    page.evaluate("document.querySelectorAll('.alike-part')[2].setAttribute('aria-pressed', false)")
    expect(page.get_by_text("Taken out").nth(2)).to_be_visible()
    expect(page.get_by_text("Taken out").nth(1)).to_be_hidden()
    page.wait_for_function("[...document.images].every(one => one.complete)")
    shoot(page, "alike")
    violations = Axe().run(page).response["violations"]
    assert not [one["id"] for one in violations if one["impact"] in ("serious", "critical")]
