"""Models of replays, live challengers and the scores that other versions give decided parts.

A rescore never changes a verdict. It is stored once for a part and a version: a replay resumed after a crash, or a
second replay of the same days, scores no part twice.
"""

from __future__ import annotations

from typing import Self

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inspection.models.choices import Verdict
from mltasks.models import Run, RunQuerySet
from mltasks.models.model_fields import optional_user_field, share_constraint
from mltasks.models.runs import UNFINISHED_STATES


class RescoreQuerySet(models.QuerySet["Rescore"]):
    """Query set of rescores with named filters."""

    def by_challengers(self) -> Self:
        """Return the rescores that challengers made of live parts."""
        return self.filter(source=Rescore.Source.SHADOW)


class Rescore(models.Model):
    """Model verdict of another version on a stored part; it is never acted on."""

    class Source(models.TextChoices):
        REPLAY = "replay", _("Replay")
        SHADOW = "shadow", _("Challenger")

    inspection = models.ForeignKey("inspection.Inspection", on_delete=models.CASCADE, related_name="rescores")
    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, db_index=False, related_name="+")
    source = models.CharField(max_length=10, choices=Source)
    verdict = models.CharField(
        max_length=6, choices=Verdict, help_text=_("By the costs that applied when the part was scored.")
    )
    model_verdict = models.CharField(max_length=6, choices=Verdict, db_column="label")
    defect_probability = models.FloatField()
    novelty = models.FloatField()
    novel_defect_suspected = models.BooleanField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = RescoreQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "inspection"], name="rescored_once_by_a_version"),
        ]
        indexes = [
            # The newest rescores of a challenger, for its page.
            models.Index(fields=["version", "-created_at"], name="rescore_of_challenger", condition=Q(source="shadow")),
        ]
        triggers = [pgtrigger.Protect(name="rescore_is_final", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.version} on {self.inspection_id}: {self.verdict}"


class ReplayQuerySet(RunQuerySet["Replay"]):
    """Query set of replays with named filters."""

    def beside_champion(self, champion_id: int | None) -> Self:
        """Return the finished replays of history that compare with this champion."""
        return self.filter(state=Run.State.SUCCEEDED, scope=Replay.Scope.HISTORY, champion_id=champion_id)

    def without_large_fields(self) -> Self:
        """Defer the fields that only the run itself needs: its list of parts and its log."""
        return self.defer("parts", "log", "epochs")


class Replay(Run):
    """Run in which a candidate scores stored parts of the line, compared with the champion.

    ``config`` has the requested ``days`` and the ``most`` parts. ``figures`` are the metrics, computed with the costs
    in force when the replay ended.
    """

    class Scope(models.TextChoices):
        HISTORY = "history", _("History")
        HOLDOUT = "holdout", _("Locked holdout")

    COMMAND = "execute_replay"
    TASK = "inspection.tasks.execute_replay"
    ACTIVITY = "replay"

    product = models.ForeignKey("inspection.Product", on_delete=models.PROTECT, related_name="replays")
    candidate = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="replays")
    champion = models.ForeignKey(
        "mltasks.ModelVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    scope = models.CharField(max_length=10, choices=Scope, default=Scope.HISTORY)
    parts = ArrayField(
        models.UUIDField(), default=list, help_text="The parts to score, as selected when the replay was requested."
    )
    figures = models.JSONField(default=dict)

    objects = ReplayQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["candidate"], condition=Q(state__in=UNFINISHED_STATES), name="one_replay_of_a_version_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(champion__isnull=True) | ~Q(candidate=F("champion")), name="replay_has_two_versions"
            ),
            share_constraint("progress", "replay_progress_is_a_share"),
        ]

    def __str__(self) -> str:
        return gettext("replay {number} of {version}").format(number=self.pk, version=self.candidate)


class ChallengeQuerySet(models.QuerySet["Challenge"]):
    """Query set of challenges with named filters."""

    def running(self) -> Self:
        """Return the challenges whose versions score live parts now."""
        return self.filter(ended_at__isnull=True)

    def unleased(self) -> Self:
        """Return the running challenges without a valid lease, by the database's clock."""
        return self.running().filter(Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=Now()))


class Challenge(models.Model):
    """Challenger period of a version: a worker scores live parts with it after their verdict."""

    product = models.ForeignKey("inspection.Product", on_delete=models.PROTECT, related_name="challenges")
    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="challenges")
    share = models.FloatField(default=1.0, help_text=_("Share of the live parts that the challenger scores, 0 to 1."))
    by = optional_user_field()
    ended_by = optional_user_field()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Lease of the worker that scores for the challenger.")
    )

    objects = ChallengeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product"], condition=Q(ended_at__isnull=True), name="one_challenger_at_a_time"
            ),
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=1), name="challenge_share_is_a_share"),
        ]

    def __str__(self) -> str:
        return gettext("{version} as challenger").format(version=self.version)
