"""Abstract model of a long run: it waits, runs under a lease and ends."""

from __future__ import annotations

import uuid
from typing import ClassVar, Generic, Self, TypeVar

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from mltasks.models.model_fields import optional_user_field


class RunState(models.TextChoices):
    """State of a run."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")


UNFINISHED_STATES = (RunState.QUEUED, RunState.RUNNING)
RunT = TypeVar("RunT", bound="Run")


class RunQuerySet(models.QuerySet[RunT], Generic[RunT]):
    """Query set of runs. All times are the database's."""

    def queued(self) -> Self:
        """Filter the runs that wait for a worker."""
        return self.filter(state=RunState.QUEUED)

    def unfinished(self) -> Self:
        """Filter the runs that wait or run."""
        return self.filter(state__in=UNFINISHED_STATES)

    def abandoned(self) -> Self:
        """Filter the running runs whose lease has expired."""
        return self.filter(state=RunState.RUNNING, lease_expires_at__lt=Now())

    def with_lease_token(self, token: uuid.UUID) -> Self:
        """Filter the running run whose lease has this token: the only row its worker may write to."""
        return self.filter(state=RunState.RUNNING, lease_token=token)


class Run(models.Model):
    """Long run whose state, attempt and lease live in its row.

    A Celery message only wakes a worker. ``COMMAND`` is the management command that executes one run in a process of
    its own. ``TASK`` is the Celery task that supervises the process. ``ACTIVITY`` names the activity of the process in
    messages.
    """

    State = RunState
    MAX_ATTEMPTS = 3
    COMMAND: ClassVar[str]
    TASK: ClassVar[str]
    ACTIVITY: ClassVar[str]

    key = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text=_("Name of the run's directories on disk.")
    )
    config = models.JSONField(default=dict)
    requested_by = optional_user_field()
    state = models.CharField(max_length=10, choices=RunState, default=RunState.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_token = models.UUIDField(
        null=True, blank=True, help_text=_("Fences the writes of a worker that lost its lease.")
    )
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    enqueued_at = models.DateTimeField(
        null=True, blank=True, db_column="hint_sent_at", help_text=_("When the run was last sent to a worker.")
    )
    progress = models.FloatField(default=0.0, help_text=_("Share done, 0 to 1."))
    stage = models.CharField(max_length=200, blank=True)
    epochs = models.JSONField(default=list, help_text=_("Metrics of each epoch, in order."))
    log = models.TextField(blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def finished(self) -> bool:
        """Return True once the run can't change any more."""
        return self.state in {RunState.SUCCEEDED, RunState.FAILED}

    @property
    def is_last_attempt(self) -> bool:
        """Return True if the run is not tried again after this attempt."""
        return self.attempt >= self.max_attempts

    @property
    def max_attempts(self) -> int:
        """Return the number of attempts after which the run is not tried again."""
        return self.MAX_ATTEMPTS

    @property
    def activity(self) -> str:
        """Return the noun for the activity of the run's process."""
        return self.ACTIVITY


def runs_of(run_class: type[RunT]) -> RunQuerySet[RunT]:
    """Return all runs of one kind."""
    return RunQuerySet(run_class)
