"""Which code made a version: the same source has the same hash, and a checkout its commit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mltasks.vision.export import source_version

REAL = source_version.source_version.__wrapped__


@pytest.fixture
def source_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two files of source, where there is no checkout."""
    root = tmp_path / "vision"
    (root / "deep").mkdir(parents=True)
    (root / "a.py").write_text("A = 1\n")
    (root / "deep" / "b.py").write_text("B = 1\n")
    monkeypatch.setattr(source_version, "ROOT", root)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return root


def test_it_follows_content_and_names_and_nothing_else(source_copy: Path) -> None:
    first = REAL()
    (source_copy / "notes.txt").write_text("No code.")
    assert REAL() == first and first["commit"] == ""

    (source_copy / "a.py").write_text("A = 2\n")
    assert REAL() != first
    (source_copy / "a.py").write_text("A = 1\n")
    (source_copy / "deep" / "b.py").rename(source_copy / "b.py")
    assert REAL() != first


@pytest.mark.skipif(not shutil.which("git"), reason="no git on this machine")
def test_a_checkout_has_a_commit(source_copy: Path) -> None:
    def git(*arguments: str) -> str:
        name = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        command = ["git", "-C", str(source_copy), *name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    git("add", ".")
    git("commit", "--message", "First")
    assert REAL()["commit"] == git("rev-parse", "HEAD")


def test_without_git_the_hash_is_enough(source_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert REAL()["commit"] == "" and len(REAL()["sha256"]) == 64
