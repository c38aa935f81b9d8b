"""A snapshot's page and manifest: what was frozen, to the byte, a page at a time, and not for who judges its parts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from inspection.models import Inspection, Product
from labeling.queue import queue
from mltasks.models import DatasetSnapshot
from mltasks.models.mask_names import mask_name
from mltasks.snapshots import snapshot_contents
from mltasks.snapshots.snapshots import freeze
from mltasks.vision.types import Mark, Roi
from tests.labeling.conftest import make_part
from tests.labeling.trainable_labels import label_drawn_parts
from tests.tiny_model import GOOD, PLAIN_CONFIG, MakeVersion, labeled_samples

ADDRESS = "/models/plate/snapshot-1/"
MASK = "ab" * 32


pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def snapshot(product: Product) -> DatasetSnapshot:
    """Of the drawn parts, each of which somebody labeled; one has a name that a spreadsheet would run."""
    label_drawn_parts(product)
    first, *others, marked, masked = labeled_samples()
    named = replace(first, name="=cmd|' /C calc'!A0", roi=Roi(1, 2, 30, 40))
    marked = replace(marked, marks=(Mark(0.5, 0.25), Mark(0, 0, 1, 1)))
    masked = replace(masked, mask=Path(settings.MEDIA_ROOT) / mask_name(MASK))
    return freeze(product.registered_model, [named, *others, marked, masked], PLAIN_CONFIG)


@pytest.fixture
def reader(client: Client, ada: User) -> Client:
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    return client


def shown_names(client: Client, query: str = "") -> list[str]:
    """Titles of all rows that the page shows."""
    return [item.title for item, _part in client.get(f"{ADDRESS}?{query}").context["rows"]]


def manifest_bytes(client: Client, form: str) -> bytes:
    return b"".join(client.get(f"{ADDRESS}manifest.{form}").streaming_content)  # type: ignore[attr-defined]


def test_the_manifest_hashes_to_what_was_frozen(
    reader: Client, snapshot: DatasetSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mltasks.snapshots.manifest._BATCH_SIZE", 5)
    assert hashlib.sha256(manifest_bytes(reader, "jsonl")).hexdigest() == snapshot.sha256
    rows = list(csv.DictReader(io.StringIO(manifest_bytes(reader, "csv").decode(), newline="")))
    assert [row["sha256"] for row in rows] == sorted(sample.sha256 for sample in labeled_samples())
    assert sum(row["label"] == "PASS" for row in rows) == GOOD
    run_by_no_sheet = next(row for row in rows if row["region"])
    assert (run_by_no_sheet["name"][:2], run_by_no_sheet["region"]) == ("'=", "1,2,30,40")


def test_the_manifest_and_the_page_show_marks_and_masks(reader: Client, snapshot: DatasetSnapshot) -> None:
    rows = list(csv.DictReader(io.StringIO(manifest_bytes(reader, "csv").decode(), newline="")))
    assert [json.loads(row["marks"]) for row in rows if row["marks"]] == [
        [Mark(0.5, 0.25).to_json(), Mark(0, 0, 1, 1).to_json()]
    ]
    assert [row["mask"] for row in rows if row["mask"]] == [mask_name(MASK)]
    answer = reader.get(ADDRESS)
    assert answer.context["contents"].with_place == 2
    assert "2 marks" in answer.content.decode()


def test_it_walks_all_items_page_by_page(
    reader: Client, snapshot: DatasetSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_contents, "PAGE_SIZE", 5)
    seen, query = shown_names(reader), "after="
    places = []
    while query:
        page = reader.get(f"{ADDRESS}?{query}").context["page"]
        places.append((page.first, page.last, page.total))
        query = f"after={page.next_cursor}" if page.next_cursor else ""
        seen += shown_names(reader, query) if query else []
    assert places == [(1, 5, 16), (6, 10, 16), (11, 15, 16), (16, 16, 16)]
    assert sorted(seen) == sorted(snapshot.items.values_list("title", flat=True))
    assert shown_names(reader, "after=nonsense") == shown_names(reader)


def test_it_filters(reader: Client, snapshot: DatasetSnapshot) -> None:
    assert len(shown_names(reader, "label=PASS")) == GOOD
    assert {name[:7] for name in shown_names(reader, "defect_type=scratch")} == {"scratch"}
    halves = [set(shown_names(reader, f"split=fold-{number}")) for number in (0, 1)]
    assert not halves[0] & halves[1] and len(halves[0] | halves[1]) == 16
    some = snapshot.items.latest("pk")
    assert shown_names(reader, f"q={some.image_sha256[:20].upper()}") == [some.title]
    assert shown_names(reader, f"q={some.title[:6]}&label=PASS") in ([], shown_names(reader, f"q={some.title[:6]}"))
    assert len(shown_names(reader, "split=nonsense&label=none")) == 16, "what makes no sense filters nothing"
    assert "No image matches" in reader.get(f"{ADDRESS}?q=none-such").content.decode()


def test_it_tells_what_it_taught_and_leads_to_the_parts(
    reader: Client, product: Product, make_version: MakeVersion, django_assert_max_num_queries: Any
) -> None:
    label_drawn_parts(product)
    make_version(product, champion=True)
    with django_assert_max_num_queries(19):
        text = reader.get(ADDRESS).content.decode()
    assert 'href="/models/plate/1/"' in text and "Champion" in text
    assert len(set(re.findall(r"/inspections/([0-9a-f-]{36})/", text))) == 16


def test_images_of_parts_that_one_judges_are_left_out(
    reader: Client, snapshot: DatasetSnapshot, ada: User, bob: User
) -> None:
    item = snapshot.items.filter(target=1).earliest("pk")
    part = make_part(Product.objects.get(), image_sha256=item.image_sha256)
    queue.claim_part(part, reviewer=ada)
    assert item.title not in shown_names(reader) and len(shown_names(reader)) == 15
    assert "hidden here until your verdict" in reader.get(ADDRESS).content.decode()
    refused = reader.get(f"{ADDRESS}manifest.csv", follow=True)
    assert refused.redirect_chain == [(ADDRESS, 302)]
    assert "download it after your verdict" in refused.content.decode()
    reader.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    assert item.title in shown_names(reader)


def test_doors_refuse_what_is_not_there_or_not_theirs(
    client: Client, reader: Client, snapshot: DatasetSnapshot
) -> None:
    for address in ("/models/plate/snapshot-9/", "/models/tile/snapshot-1/", f"{ADDRESS}manifest.exe"):
        assert reader.get(address).status_code == 404
    client.force_login(User.objects.create_user("eve"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(ADDRESS).status_code == 403
    assert client.get(f"{ADDRESS}manifest.csv").status_code == 403


def test_a_part_is_found_by_the_hash_of_its_image(reader: Client, snapshot: DatasetSnapshot) -> None:
    item = snapshot.items.earliest("pk")
    part = Inspection.objects.get(image_sha256=item.image_sha256)
    page = reader.get(f"/inspections/?q={item.image_sha256.upper()}").context["page"]
    assert page.parts == [part]
