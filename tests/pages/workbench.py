"""A reviewer's hands on the workbench, and what came of them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Claim, Label

VERDICTS = re.compile(r"/api/v1/queue/.*/verdict/")


def press_key(page: Page, key: str) -> str:
    """Press a key on the part shown, wait for the next one, and return the part it was meant for."""
    part = page.locator("#part .part")
    expect(page.locator("#workbench")).to_have_attribute("data-state", "part")
    title = str(part.get_attribute("data-title"))
    # A key pressed before a person could have looked is not taken.
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
    page.keyboard.press(key)
    expect(page.locator(f"#part .part[data-title='{title}']")).not_to_be_visible()
    return title


def wait_for_claims(page: Page, number: int) -> None:
    """Wait until so many parts are held."""
    for _ in range(200):
        if Claim.objects.filter(closed_at=None).count() == number:
            return
        page.wait_for_timeout(100)
    pytest.fail(f"Never were {number} parts held.")


def wait_until_saved(page: Page) -> None:
    """Wait until everything is saved."""
    expect(page.locator("#unsaved")).to_be_hidden()


def standing_verdicts() -> dict[str, str]:
    """What stands, by part id."""
    return {label.inspection.part_id: str(label) for label in Label.objects.standing().select_related("inspection")}


def expect_part(page: Page, title: str) -> None:
    """Wait until the part is shown and takes a verdict."""
    expect(page.locator("#part .part")).to_have_attribute("data-title", title)
    expect(page.locator("#workbench[data-ready]")).to_be_visible()
