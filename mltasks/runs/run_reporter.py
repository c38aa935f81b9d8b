"""Progress reports of a running process: progress, stage, epochs, log and heartbeat."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from django.utils.translation import gettext_noop

from mltasks.models import RunState
from mltasks.runs.lease import LEASE_DURATION, LeaseLost, RunLease, heartbeat, log_line
from mltasks.vision.types import Progress

logger = logging.getLogger(__name__)

DONE_STAGE = gettext_noop("Done")
WRITE_INTERVAL = 1.0  # seconds
HEARTBEAT_INTERVAL = LEASE_DURATION.total_seconds() / 4
STALL_TIMEOUT = 1800.0  # seconds without any progress, after which the lease is no longer renewed


class RunReporter:
    """Progress callback that writes to the run's row about once per second. Raises LeaseLost."""

    def __init__(self, lease: RunLease, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease = lease
        self.last_progress_at = clock()
        self._clock = clock
        self._written = -math.inf
        self._stage = ""
        self._log = ""
        self._epochs: list[dict[str, Any]] = []

    def __call__(self, step: Progress) -> None:
        """Record one step; write it if the last write is at least one second ago."""
        self.last_progress_at = self._clock()
        if step.metrics:
            self._epochs.append({"stage": step.stage, **{name: _finite(value) for name, value in step.metrics.items()}})
        if step.stage != self._stage or step.metrics:
            self._stage = step.stage
            self._log += log_line(_log_text(step))
        if self._clock() - self._written >= WRITE_INTERVAL:
            self.flush(step.share)

    def flush(self, share: float) -> None:
        """Write the collected progress; keep it if the database is unreachable. Raises LeaseLost."""
        self._written = self._clock()
        try:
            self.lease.write(progress=min(1.0, max(0.0, share)), stage=self._stage[:200], **self.unwritten_fields())
        except (OperationalError, InterfaceError) as error:
            # Hours of training must not end because the database restarts; the lease decides whether that took too
            # long.
            logger.warning("Progress of run %s could not be written: %s", self.lease.run_id, error)
            connection.close()
        else:
            self._log = ""

    def unwritten_fields(self) -> dict[str, Any]:
        """Return the fields that the run's last write must still include."""
        return {"epochs": list(self._epochs), "log": self._log}

    def finish(self, text: str, *, stage: str = DONE_STAGE, **fields: Any) -> None:
        """Record the run's success, with ``text`` as the last line of its log. Raises LeaseLost."""
        fields |= self.unwritten_fields()
        fields["log"] += log_line(text)
        self.lease.finish(RunState.SUCCEEDED, progress=1.0, stage=stage, **fields)


def keep_lease_alive(reporter: RunReporter) -> AbstractContextManager[None]:
    """Renew the lease from a thread while the block runs, because epochs may outlast the lease.

    After 30 minutes without a progress report the lease is no longer renewed, so that another attempt can begin. A lost
    lease raises at the next progress write, where the training can be stopped.
    """
    lease = reporter.lease

    def renew() -> bool:
        try:
            lease.write()
        except LeaseLost:
            return False
        return True

    return heartbeat(
        f"run {lease.run_id}",
        renew,
        HEARTBEAT_INTERVAL,
        lambda: time.monotonic() - reporter.last_progress_at < STALL_TIMEOUT,
    )


def _log_text(step: Progress) -> str:
    values = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in step.metrics.items()}
    return "  ".join([step.stage, *(f"{name} {value}" for name, value in values.items())])


def _finite(value: float | int | str) -> float | int | str | None:
    """Return the value, or None for values that JSON does not have (NaN, infinity)."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
