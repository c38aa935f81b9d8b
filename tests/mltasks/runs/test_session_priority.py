"""A session gives way to other sessions, whoever started it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mltasks.runs.session_priority import lower_session

needs_autogroups = pytest.mark.skipif(
    not Path("/proc/self/autogroup").exists(), reason="this system does not schedule by session"
)


@needs_autogroups
def test_a_session_has_the_value_it_was_given() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        lower_session(process.pid, 7)
        lower_session(process.pid, 9)
        assert Path(f"/proc/{process.pid}/autogroup").read_text().endswith(" nice 9\n")
        process.kill()


def test_a_process_that_has_ended_is_no_error() -> None:
    with subprocess.Popen(["true"], start_new_session=True) as process:
        process.wait()
        lower_session(process.pid, 7)
