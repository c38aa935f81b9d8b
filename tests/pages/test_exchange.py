"""A version that comes from another plant, on the pages: refused in words, then brought in, then read."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from inspection.models import Product
from mltasks.exchange import trust_store
from mltasks.models import RegisteredModel
from tests.browser import Login, TakeScreenshots
from tests.mltasks.export_archives import OtherPlant
from tests.mltasks.tiny_version import shrink
from tests.pages.conftest import MakePerson
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_it_comes_in_once_its_plant_is_trusted(
    page: Page,
    login: Login,
    take_screenshots: TakeScreenshots,
    product: Product,
    make_person: MakePerson,
    make_version: MakeVersion,
    tmp_path: Path,
) -> None:
    north = OtherPlant()
    made = shrink(make_version(RegisteredModel.objects.create(name="panel")))
    (tmp_path / "panel-v1.slv").write_bytes(north.export(made).getvalue())
    mia = make_person("mia", "quality manager")
    login(page, mia)
    page.goto("/models/?product=plate")
    page.get_by_role("link", name="Import a version").click()
    page.get_by_label("File from the other plant").set_input_files(tmp_path / "panel-v1.slv")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("which is not trusted here")
    take_screenshots(page, "version-import-refused")

    trust_store.trust("North", north.public_key.encode(), north.fingerprint, by=mia)
    page.goto("/models/plate/import/")
    expect(page.get_by_text("North")).to_be_visible()
    take_screenshots(page, "version-import")
    page.get_by_label("File from the other plant").set_input_files(tmp_path / "panel-v1.slv")
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".note.success")).to_contain_text("Imported panel version 1 of North as version 1")
    take_screenshots(page, "version-imported")
    origin = page.get_by_role("region", name="Components and origin")
    expect(origin).to_contain_text("North: panel, version 1, imported by mia")
    origin.scroll_into_view_if_needed()
    take_screenshots(page, "version-imported-origin")
    with page.expect_download() as waited:
        page.get_by_role("link", name="Export for another plant").click()
    assert waited.value.suggested_filename == "plate-v1.slv"
    page.goto("/models/")
    take_screenshots(page, "models-import")
