"""Retention beside stations, reviewers, other prunings, and a crash between the rows and their files."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from inspection.images import image_files, image_locks, image_removal
from inspection.images.image_removal import FOLDER_COUNT, FreedSpace, clean_folder
from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, RemovedParts, Station
from inspection.products.stations import create_station
from labeling.history import retention
from labeling.models import Label
from labeling.refusals import PartRemoved
from labeling.review import review
from tests.inspection.sample_images import jpeg
from tests.labeling.concurrency import run_concurrently
from tests.labeling.old_parts import old_part, prune_all, sha256_of, stored_files
from tests.stress import stress_count

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_folders")]
ROUNDS = stress_count(8, 25)


@pytest.fixture
def station(product: Product) -> Station:
    return create_station(product, "line-1")[0]


def receive(content: bytes, station: Station) -> Inspection:
    return intake.receive(Submission(io.BytesIO(content), station.product, station))


def clean_all_folders() -> FreedSpace:
    return sum((clean_folder(number) for number in range(FOLDER_COUNT)), FreedSpace())


def make_old(paths: list[Path]) -> None:
    for path in paths:
        os.utime(path, (0, 0))


@pytest.mark.parametrize("remove", [prune_all, lambda _product: clean_all_folders()], ids=["prune", "sweep"])
def test_the_same_bytes_posted_at_that_moment_keep_their_file(
    product: Product, station: Station, remove: Callable[[Product], Any]
) -> None:
    content = jpeg()
    for _ in range(ROUNDS):
        old = old_part(product, content=content)
        make_old(stored_files(old.image_sha256))
        if remove is not prune_all:
            Inspection.objects.filter(pk=old.pk).delete()  # a file that nothing names
        *posted, _ = run_concurrently([*[partial(receive, content, station)] * 2, partial(remove, product)])
        for part in posted:
            assert (Path(stored_files(part.image_sha256)[0])).read_bytes() == content
        assert not Inspection.objects.filter(pk=old.pk).exists()
        Inspection.objects.all().delete()


def test_a_file_removed_between_its_storing_and_its_row_is_stored_again(
    product: Product, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = old_part(product, content=jpeg())
    insert = intake.insert_part

    def after_the_pruning(*of_the_part: Any, **fields: Any) -> Inspection:
        run_concurrently([partial(prune_all, product)])
        assert stored_files(old.image_sha256) == []
        return insert(*of_the_part, **fields)

    monkeypatch.setattr(intake, "insert_part", after_the_pruning)
    part = receive(jpeg(), station)
    assert stored_files(part.image_sha256)[0].read_bytes() == jpeg()
    assert list(Inspection.objects.all()) == [part]


def test_an_image_stays_while_intake_writes_its_row(
    product: Product, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_part(product, content=jpeg())
    holds, freed = image_files.exists, []

    def then_the_pruning(stored: image_files.StoredImage) -> bool:
        there = holds(stored)
        [batches] = run_concurrently([partial(prune_all, product)])
        freed.extend(batch.freed for batch in batches)
        return there

    monkeypatch.setattr(image_files, "exists", then_the_pruning)
    part = receive(jpeg(), station)
    assert freed == [FreedSpace()]
    assert list(Inspection.objects.all()) == [part]
    assert stored_files(part.image_sha256)[0].read_bytes() == jpeg()


def test_an_image_stays_while_a_row_that_names_it_is_on_its_way(product: Product) -> None:
    old = old_part(product, content=b"same")
    committed, locked = threading.Event(), threading.Event()

    def post() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"SELECT {image_locks.LOCK_SHARED}", [image_locks.lock_key(old.image_sha256)])
                locked.set()
                committed.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=post)
    thread.start()
    try:
        assert locked.wait(30)
        [batch] = prune_all(product)
        assert (batch.parts_removed, batch.freed.images) == (1, 0)
        assert len(stored_files(old.image_sha256)) == 2
    finally:
        committed.set()
        thread.join()
    # Nobody wrote a row in the end: it is found in its folder, once it is old.
    assert clean_all_folders() == FreedSpace()
    make_old(stored_files(old.image_sha256))
    assert clean_all_folders().images == 1
    assert stored_files(old.image_sha256) == []


def test_a_label_and_the_pruning_at_one_moment_never_both_win(product: Product, ada: User) -> None:
    def label(part: Inspection) -> bool:
        try:
            review.correct(part, by=ada, verdict="FAIL")
        except PartRemoved:
            return False
        return True

    for _ in range(ROUNDS):
        part = old_part(product)
        labeled, batches = run_concurrently([partial(label, part), partial(prune_all, product)])
        assert labeled == Inspection.objects.filter(pk=part.pk).exists()
        assert labeled == Label.objects.filter(inspection=part).exists()
        assert labeled == (len(stored_files(part.image_sha256)) == 2)
        assert sum(batch.parts_removed for batch in batches) == int(not labeled)


def test_a_part_that_somebody_is_at_is_left_for_another_time(product: Product) -> None:
    busy, other = old_part(product), old_part(product)
    with transaction.atomic():
        Inspection.objects.select_for_update(no_key=True).get(pk=busy.pk)
        [found] = run_concurrently([partial(prune_all, product)])
        assert [batch.parts_removed for batch in found] == [1]
    assert list(Inspection.objects.all()) == [busy]
    assert stored_files(other.image_sha256) == []
    assert [batch.parts_removed for batch in prune_all(product)] == [1]


def test_many_prunings_at_once_remove_each_part_once(product: Product) -> None:
    parts = [old_part(product) for _ in range(40)]
    done = run_concurrently([partial(prune_all, product, batch_size=3) for _ in range(4)])
    assert sum(batch.parts_removed for batches in done for batch in batches) == 40
    assert sum(batch.freed.images for batches in done for batch in batches) == 40
    assert sum(RemovedParts.objects.values_list("number", flat=True)) == 40
    assert not Inspection.objects.exists()
    assert [path for part in parts for path in stored_files(part.image_sha256)] == []


@pytest.mark.slow
def test_killed_between_the_rows_and_their_files_the_next_one_removes_the_files(
    product: Product, settings: Any
) -> None:
    part, kept = old_part(product), old_part(product, verdict="FAIL")
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = os.environ | {"DATABASE_URL": url, "MEDIA_ROOT": str(settings.MEDIA_ROOT)}
    command = [sys.executable, "-m", "tests.labeling.crash_during_retention"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(Inspection.objects.all()) == [kept]
    assert len(stored_files(part.image_sha256)) == 2, "It was killed before."
    assert RemovedParts.objects.get().number == 1
    assert clean_all_folders() == FreedSpace(), "Younger than a day: its row may be on its way."
    make_old([*stored_files(part.image_sha256), *stored_files(kept.image_sha256)])
    assert clean_all_folders().images == 1
    assert stored_files(part.image_sha256) == []
    assert len(stored_files(kept.image_sha256)) == 2


def test_it_goes_on_where_it_stopped(product: Product) -> None:
    for _ in range(6):
        old_part(product)
    steps = retention.prune(retention.RetentionScope(product, timezone.now(), batch_size=2))
    next(steps)
    steps.close()
    assert Inspection.objects.count() == 4
    assert [batch.parts_removed for batch in prune_all(product)] == [4]


def test_the_locks_of_a_batch_fit_into_postgresqls_table(product: Product) -> None:
    names = {sha256_of(str(number).encode()): f"images/xx/{number}.jpg" for number in range(3000)}
    begun = time.monotonic()
    assert image_removal.remove_unreferenced(names) == FreedSpace(3000, 0)
    assert time.monotonic() - begun < 30
