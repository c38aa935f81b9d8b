"""`manage.py prune`: what it says, and what it refuses."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from inspection.models import Inspection, Product
from tests.labeling.conftest import make_product
from tests.labeling.old_parts import old_part, stored_files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_folders")]


def prune(*arguments: str) -> str:
    out = io.StringIO()
    call_command("prune", *arguments, stdout=out)
    return out.getvalue()


def test_it_says_what_it_removed_and_freed(product: Product) -> None:
    old_part(product, content=b"1" * 1_000_000)
    old_part(product, verdict="FAIL")
    old_part(make_product("tile"))
    said = prune("--older-than", "90d")
    assert "plate: 1 of 1 parts that passed before" in said
    assert "removed, 0 kept; 1 images (2.0 MB) removed." in said
    assert "tile: 1 of 1 parts" in said
    assert Inspection.objects.count() == 1


def test_it_prunes_the_named_product_alone(product: Product) -> None:
    old_part(product)
    other = old_part(make_product("tile"))
    assert "tile" not in prune("plate", "--older-than", "90", "--batch", "1")
    assert list(Inspection.objects.all()) == [other]


def test_a_dry_run_says_so_and_removes_nothing(product: Product) -> None:
    part = old_part(product)
    lost = old_part(product)
    Inspection.objects.filter(pk=lost.pk).delete()
    for path in stored_files(lost.image_sha256):
        os.utime(path, (0, 0))
    said = prune("--older-than", "90d", "--dry-run")
    assert "1 of 1 parts that passed before" in said
    assert "would be removed, 0 kept; 1 images (0.0 MB) would be removed." in said
    assert "Files unreferenced for a day: 1 images (0.0 MB) would be removed." in said
    assert Inspection.objects.get() == part
    assert len(stored_files(part.image_sha256)) == len(stored_files(lost.image_sha256)) == 2
    prune("--older-than", "90d")
    assert not Inspection.objects.exists()
    assert stored_files(part.image_sha256) == stored_files(lost.image_sha256) == []


def test_the_retention_of_the_environment_is_the_default(product: Product, settings: Any) -> None:
    old_part(product)
    settings.RETENTION_DAYS = 101
    assert "plate: 0 of 0 parts" in prune()
    settings.RETENTION_DAYS = 99
    assert "plate: 1 of 1 parts" in prune()


def test_it_refuses_to_guess_how_long_parts_are_kept(product: Product) -> None:
    old_part(product)
    with pytest.raises(CommandError, match="Give it as --older-than 90d, or set RETENTION_DAYS") as refused:
        prune()
    assert refused.value.returncode == 1
    assert Inspection.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--older-than", "0d"], "--older-than must be a number of days from 1d"),
        (["--older-than=-1d"], "--older-than must be a number of days from 1d"),
        (["--older-than", ""], "--older-than must be a number of days from 1d"),
        (["--older-than", "3 months"], "--older-than must be a number of days from 1d"),
        (["--older-than", "1e3"], "--older-than must be a number of days from 1d"),
        (["--older-than", "٣d"], "--older-than must be a number of days from 1d"),
        (["--older-than", "99999999999d"], "--older-than must be a number of days from 1d"),
        (["--older-than", "90d", "--batch", "0"], "--batch must be a whole number from 1 to 10,000, not '0'"),
        (["--older-than", "90d", "--batch", "many"], "--batch must be a whole number"),
        (["tiles", "--older-than", "90d"], "There is no product 'tiles'. Products: plate."),
    ],
)
def test_it_refuses_what_makes_no_sense(product: Product, arguments: list[str], words: str) -> None:
    old_part(product)
    with pytest.raises(CommandError, match=words) as refused:
        prune(*arguments)
    assert refused.value.returncode == 1
    assert Inspection.objects.exists()


def test_a_file_that_cannot_be_removed_is_named(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    part = old_part(product)
    path = stored_files(part.image_sha256)[0]

    def refuse(self: Path, *, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(CommandError, match=f"{part.image_sha256}.*cannot be removed: Permission denied") as refused:
        prune("--older-than", "90d")
    assert refused.value.returncode == 1
    assert path.exists()


def test_years_are_fine(product: Product) -> None:
    assert f"before {timezone.localdate().year - 10}" in prune("--older-than", "3653d")
