"""What another version says of parts that have their verdict, off the record: replays of history, and live challengers.

A rescore never changes a verdict. It is kept once for a part and a version, whoever asked first: a replay that goes on
after a crash, or a second one over the same days, scores nothing twice.
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
    """Sets of rescores in domain words."""

    def by_challengers(self) -> Self:
        """Those of challengers, made beside the champion's verdict."""
        return self.filter(source=Rescore.Source.SHADOW)


class Rescore(models.Model):
    """A version's word on a part that another version, or nobody, decided. Never acted on."""

    class Source(models.TextChoices):
        REPLAY = "replay", _("Replay")
        SHADOW = "shadow", _("Challenger")

    inspection = models.ForeignKey("inspection.Inspection", on_delete=models.CASCADE, related_name="rescores")
    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, db_index=False, related_name="+")
    source = models.CharField(max_length=10, choices=Source)
    verdict = models.CharField(max_length=6, choices=Verdict, help_text=_("By the costs in force when it was scored."))
    label = models.CharField(max_length=6, choices=Verdict)
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
            # A challenger's newest, for its page.
            models.Index(fields=["version", "-created_at"], name="rescore_of_challenger", condition=Q(source="shadow")),
        ]
        triggers = [pgtrigger.Protect(name="rescore_is_final", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.version} on {self.inspection_id}: {self.verdict}"


class ReplayQuerySet(RunQuerySet["Replay"]):
    """Sets of replays in domain words."""

    def beside_champion(self, champion_id: int | None) -> Self:
        """Finished ones of history beside this champion."""
        return self.filter(state=Run.State.SUCCEEDED, scope=Replay.Scope.HISTORY, champion_id=champion_id)

    def without_large_fields(self) -> Self:
        """Without what only the run itself needs: its list of parts and its log."""
        return self.defer("parts", "log", "epochs")


class Replay(Run):
    """A candidate scores a stretch of the line's history again, beside the champion: what would have been otherwise.

    ``config`` has the ``days`` and the ``most`` parts that were asked for. ``figures`` are what came of it, by the
    costs in force when it ended.
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
        models.UUIDField(), default=list, help_text="The parts, as they were found when it was asked for."
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
    """Sets of challenges in domain words."""

    def running(self) -> Self:
        """Those whose version scores live parts now."""
        return self.filter(ended_at__isnull=True)

    def unleased(self) -> Self:
        """Those of the running ones that no worker scores for, by the database's clock."""
        return self.running().filter(Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=Now()))


class Challenge(models.Model):
    """A version that runs as challenger: live parts are scored by it too, after their verdict, by a worker."""

    product = models.ForeignKey("inspection.Product", on_delete=models.PROTECT, related_name="challenges")
    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="challenges")
    share = models.FloatField(default=1.0, help_text=_("Share of live parts that it scores, 0 to 1."))
    by = optional_user_field()
    ended_by = optional_user_field()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text=_("Until then a worker scores for it, and no other.")
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
