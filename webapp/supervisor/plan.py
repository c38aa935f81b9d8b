"""Programs of the system."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from webapp.supervisor.child import Program

_MANAGE = (sys.executable, "manage.py")
# Celery warns about root because of pickled messages; only JSON is accepted here.
_QUIET_ENVIRONMENT = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
_CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "webapp")

SETUP = Program("setup", (*_MANAGE, "bootstrap"), once=True, environment={"STATIC_HASHED": "1"})


def programs(*, demo: bool) -> list[Program]:
    """Return the programs that run until the end, the web server first."""
    started = [
        Program("web", (sys.executable, "-m", "webapp.server")),
        # All workers give way to the web server. It decodes each part once; finding near-duplicates decodes it again.
        _worker("scoring", nice=5),
        _worker("training", nice=5),
        # A replay and a challenger run side by side.
        _worker("replay", concurrency=2, nice=19),
        Program("beat", (*_CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")),
    ]
    if demo:
        started.append(Program("demo", (*_MANAGE, "demo"), once=True))
        started.append(Program("line", (*_MANAGE, "demo_line")))
    return started


def _worker(queue: str, *, concurrency: int = 1, nice: int = 0) -> Program:
    options: Sequence[str] = (
        *("worker", "--queues", queue, "--hostname", f"{queue}@%h", "--loglevel", "INFO"),
        # One task at a time: scoring and training each use all cores. Tasks are recovered from rows, not from peers.
        *("--concurrency", str(concurrency), "--without-gossip", "--without-mingle"),
    )
    # SIGTERM would first finish the task, minutes of training; the task's row holds its state.
    return Program(queue, (*_CELERY, *options), death_signal=signal.SIGKILL, environment=_QUIET_ENVIRONMENT, nice=nice)
