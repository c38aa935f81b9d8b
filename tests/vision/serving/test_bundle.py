"""A version's directory: whole or absent, and any change to it is noticed."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from mltasks.vision.serving.bundle import BundleCorrupt, digest, read_meta, verify, write_atomic, write_json


def fill(draft: Path) -> None:
    (draft / "plots").mkdir()
    (draft / "plots" / "one.svg").write_text("<svg/>")
    write_json(draft / "meta.json", {"a": 1})


def test_it_writes_all_files_and_a_manifest_and_returns_the_digest(tmp_path: Path) -> None:
    sha256 = write_atomic(tmp_path / "versions" / "v1", fill)

    names = json.loads((tmp_path / "versions" / "v1" / "manifest.json").read_text())
    assert sorted(names) == ["meta.json", "plots/one.svg"]
    assert verify(tmp_path / "versions" / "v1", sha256) == digest(tmp_path / "versions" / "v1") == sha256
    assert read_meta(tmp_path / "versions" / "v1") == {"a": 1}


def test_the_same_content_has_the_same_digest(tmp_path: Path) -> None:
    assert write_atomic(tmp_path / "one", fill) == write_atomic(tmp_path / "other", fill)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def fails(draft: Path) -> None:
        fill(draft)
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        write_atomic(tmp_path / "v1", fails)
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_while_writing_leaves_no_version(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from mltasks.vision.serving.bundle import write_atomic\n"
        "def fill(draft): (draft / 'half').write_text('x'); os._exit(9)\n"
        "write_atomic(Path(sys.argv[1]), fill)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "v1")], check=False)

    assert done.returncode == 9
    assert not (tmp_path / "v1").exists()
    assert write_atomic(tmp_path / "v1", fill)


def test_it_refuses_to_write_a_version_twice(tmp_path: Path) -> None:
    sha256 = write_atomic(tmp_path / "v1", fill)

    with pytest.raises(FileExistsError):
        write_atomic(tmp_path / "v1", fill)
    assert verify(tmp_path / "v1", sha256)


def change(directory: Path) -> None:
    (directory / "plots" / "one.svg").write_text("<svg />")


def remove(directory: Path) -> None:
    (directory / "meta.json").unlink()


def add(directory: Path) -> None:
    (directory / "more").write_text("")


def forget(directory: Path) -> None:
    (directory / "manifest.json").unlink()


def scramble(directory: Path) -> None:
    (directory / "manifest.json").write_text("{")


@pytest.mark.parametrize("damage", [change, remove, add, forget, scramble])
def test_it_refuses_a_directory_that_is_not_as_it_was_written(tmp_path: Path, damage: object) -> None:
    write_atomic(tmp_path / "v1", fill)
    assert callable(damage)
    damage(tmp_path / "v1")

    with pytest.raises(BundleCorrupt):
        verify(tmp_path / "v1")


def test_it_refuses_another_version_than_expected(tmp_path: Path) -> None:
    write_atomic(tmp_path / "v1", fill)

    with pytest.raises(BundleCorrupt, match="expected"):
        verify(tmp_path / "v1", "0" * 64)


def test_it_refuses_an_absent_directory(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt):
        verify(tmp_path / "none")


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": math.nan})
