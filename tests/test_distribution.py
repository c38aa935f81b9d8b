"""Which tests go to one process together, and which go first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.distribution import group_of, pytest_collection_modifyitems
from tests.stress import FULL, stress_count

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/webapp/health/test_health.py::test_it_is_up[a::b]", "tests/webapp/health/test_health.py"),
        ("tests/vision/serving/test_heatmaps.py::test_it_packs", "tests/vision/serving/test_heatmaps.py"),
        ("tests/loop/test_kill.py::test_it_dies", "tests/loop"),
        ("tests/whole/loop/test_loop.py::test_it_learns", "tests/whole/loop"),
    ],
)
def test_a_file_stays_whole_and_so_does_a_folder_with_one_site(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_files_with_slow_tests_go_first_and_keep_their_order() -> None:
    class Item:
        def __init__(self, nodeid: str, **markers: tuple[int, ...]) -> None:
            self.nodeid, self._markers = nodeid, markers

        def get_closest_marker(self, name: str) -> pytest.Mark | None:
            return getattr(pytest.mark, name).with_args(*self._markers[name]).mark if name in self._markers else None

    class Config:
        workerinput: dict[str, str] = {}

    items = [Item("a::1"), Item("b::1"), Item("b::2", slow=(), browser=()), Item("c::1"), Item("d::1", slow=(40,))]
    pytest_collection_modifyitems(Config(), items)  # type: ignore[arg-type]
    assert [item.nodeid for item in items] == ["d::1", "b::1", "b::2", "a::1", "c::1"]


@pytest.mark.slow
def test_what_a_dead_process_left_is_run_by_others(tmp_path: Path) -> None:
    """The process that dies has finished files, a file half done, and one that it has not begun."""
    dies = (
        "import os, pathlib, signal\n"
        "def test_before(): pass\n"
        "def test_dies():\n"
        f"    once = pathlib.Path({str(tmp_path / 'once')!r})\n"
        "    if not once.exists():\n"
        "        once.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "def test_after(): pass\n"
    )
    for letter in "abcdefgh":
        (tmp_path / f"test_{letter}.py").write_text(dies if letter == "f" else "def test_it(): pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plugins = ["-p", "tests.distribution", "-p", "no:django", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", str(tmp_path), *plugins, "-c", str(tmp_path / "pytest.ini")]

    done = subprocess.run(
        [*command, "--numprocesses=2", "--dist=loadfile"], capture_output=True, text=True, timeout=60, cwd=ROOT
    )

    assert re.search(r"worker 'gw\d' crashed while running '.*test_f.py::test_dies'", done.stdout), done.stdout
    assert "1 failed, 10 passed" in done.stdout


def test_counts_are_full_under_stress_alone() -> None:
    assert stress_count(2, 9) == (9 if FULL else 2)
