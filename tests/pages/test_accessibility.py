"""Nothing that axe calls serious or critical, on each page, in both themes, wide and narrow; nothing wider than the
window; no page over its budget."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from inspection.models import Product
from labeling import review
from labeling.models import DefectType
from labeling.typing_defects import add_example, add_type, merge_types
from tests.browser import DESKTOP, PHONE, Login, Shoot
from tests.pages.conftest import MakePerson, Receive
from tests.trained import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
JS = Path(__file__).resolve().parents[2] / "webapp" / "static" / "js"


@pytest.fixture
def pages(
    page: Page,
    login: Login,
    product: Product,
    receive: Receive,
    make_person: MakePerson,
    make_version: MakeVersion,
) -> dict[str, str]:
    """Every kind of page with something on it, by name."""
    receive("P-0")
    champion = make_version(product, champion=True)
    make_version(product)
    parts = [receive(f"P-{number}", number) for number in range(1, 4)]
    mia = make_person("mia", "quality manager")
    review.correct(parts[0], by=mia, verdict="FAIL", defect_type="scratch")
    review.correct(parts[1], by=mia, verdict="FAIL", defect_type="excess")
    scratch, excess = DefectType.objects.order_by("key")
    add_example(scratch, parts[0], by=mia)
    merge_types(add_type(product, name="line", key="3"), into=scratch)
    login(page, mia)
    return {
        "dashboard": "/",
        "review": "/review/",
        "review-plain": "/review/plain/",
        "inspections": "/inspections/",
        "contact-sheet": "/inspections/?look=sheet",
        "part": f"/inspections/{parts[0].pk}/",
        "defect-types": "/defect-types/",
        "defect-type": f"/defect-types/{excess.pk}/",
        "defect-type-merge": f"/defect-types/{excess.pk}/merge/?into={scratch.pk}",
        "reviewers": "/reviewers/",
        "models": "/models/",
        "version": "/models/plate/1/",
        "promotion": "/models/plate/2/promote/",
        "run": f"/models/run-{champion.run_id}/",
        "nothing": "/no-such-page/",
    }


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious(page: Page, pages: dict[str, str], shoot: Shoot, theme: str) -> None:
    page.goto("/")
    page.evaluate("theme => { document.cookie = `theme=${theme}; path=/` }", theme)
    found: dict[str, list[str]] = {}
    for name, path in pages.items():
        page.goto(path)
        if name == "review":
            page.wait_for_selector("#part .part")
        if theme == "light":
            shoot(page, f"{name}-light")
        violations = Axe().run(page).response["violations"]
        grave = [one for one in violations if one["impact"] in ("serious", "critical")]
        for one in grave:
            found.setdefault(name, []).append(f"{one['id']}: {[node['html'][:160] for node in one['nodes'][:3]]}")
    assert not found, found


def test_the_login_page_has_nothing_serious(page: Page, shoot: Shoot) -> None:
    page.goto("/login/")
    shoot(page, "login")
    violations = Axe().run(page).response["violations"]
    assert not [one["id"] for one in violations if one["impact"] in ("serious", "critical")]


def test_no_page_is_wider_than_its_window(page: Page, pages: dict[str, str]) -> None:
    wide = []
    for name, path in pages.items():
        page.goto(path)
        for size in (DESKTOP, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            root = "document.documentElement"
            if page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"):
                wide.append(f"{name} at {size['width']}")
    assert not wide


def test_no_page_is_over_its_budget(page: Page, pages: dict[str, str]) -> None:
    for name, path in pages.items():
        response = page.goto(path)
        assert response is not None
        assert len(response.body()) < 60_000, name
    assert sum(file.stat().st_size for file in JS.rglob("*.js")) < 40_000


def test_everything_is_reached_by_keyboard(page: Page, pages: dict[str, str]) -> None:
    page.goto("/inspections/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
