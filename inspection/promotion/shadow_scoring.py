"""Shadow scoring: a worker scores live parts with the challenger after their verdict.

Challenger scores are stored and never acted on. The worker finds decided, unscored parts itself, without messages. Its
work delays no answer to a station.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from itertools import islice
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.models import Challenge, Inspection, InspectionQuerySet, Product, Rescore
from inspection.products.routing import shadow_sample_value
from inspection.replay import rescoring
from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.vision.serving.bundle import BundleCorrupt

logger = logging.getLogger(__name__)

# Limits of one run of the worker; the next run continues.
BATCH_SIZE, MAX_SECONDS = rescoring.BATCH_SIZE, 60.0  # parts, seconds
# Longer than one run with its last batch. After a killed run the next one waits this long.
LEASE_DURATION = timedelta(seconds=120)
# Parts older than this are not scored, because a challenger is compared on the line's current parts.
MAX_AGE = timedelta(days=1)


class ChallengeRefused(Refusal):
    """Refusal to make a version the challenger."""


def start_challenge(version: ModelVersion, *, by: User | None, share: float = 1.0) -> Challenge:
    """Make a version the challenger for a share of live parts. Raises ChallengeRefused."""
    if not 0 < share <= 1:
        raise ChallengeRefused(_("The challenger's share of the parts must be above 0 and at most 1."))
    if version.state == ModelVersion.State.CHAMPION:
        raise ChallengeRefused(
            _("{version} is champion: it scores every part already. Choose another version.").format(version=version)
        )
    product = Product.objects.get(registered_model=version.model_id)
    try:
        with transaction.atomic():
            return Challenge.objects.create(product=product, version=version, by=by, share=share)
    except IntegrityError:
        raise ChallengeRefused(_("Another version is challenger. End that challenge first.")) from None


def end_challenge(challenge: Challenge, *, by: User | None) -> bool:
    """End a challenge and keep its scores. False if it had ended already."""
    return bool(Challenge.objects.running().filter(pk=challenge.pk).update(ended_at=Now(), ended_by=by))


def score_pending_challenges() -> int:
    """Score pending live parts with all challengers, newest first, for at most a minute.

    Returns the number of tried parts. A damaged bundle of one challenger does not affect the others.
    """
    attempted, deadline = 0, time.monotonic() + MAX_SECONDS
    for challenge in Challenge.objects.running().select_related("version", "product"):
        if challenge.version.state == ModelVersion.State.CHAMPION:
            end_challenge(challenge, by=None)  # promoted: it decides the verdicts now
            continue
        # Runs may overlap; the lease keeps two runs from scoring the same parts.
        if not Challenge.objects.unleased().filter(pk=challenge.pk).update(lease_expires_at=Now() + LEASE_DURATION):
            continue
        try:
            attempted += _score_challenge(challenge, deadline)
        except BundleCorrupt:
            logger.exception("%s cannot score: its files are damaged", challenge)
        finally:
            Challenge.objects.filter(pk=challenge.pk).update(lease_expires_at=None)
    return attempted


def _score_challenge(challenge: Challenge, deadline: float) -> int:
    attempted, skipped_ids = 0, set[UUID]()
    while time.monotonic() < deadline and (keys := _next_parts(challenge, skipped_ids)):
        steps = rescoring.score_parts(challenge.version, keys, Rescore.Source.SHADOW)
        attempted += sum(step.attempted for step in steps)
        # Unreadable images are not tried again in this run.
        skipped_ids |= set(rescoring.unscored_parts(challenge.version, keys))
    return attempted


def _next_parts(challenge: Challenge, skipped_ids: set[UUID]) -> list[UUID]:
    """Return the next parts: decided since the challenge began, in its share, not scored yet."""
    waiting = unscored_live_parts(challenge).exclude(pk__in=skipped_ids).order_by("-received_at", "-id")
    keys = waiting.values_list("pk", flat=True).iterator(chunk_size=500)
    return list(islice((key for key in keys if shadow_sample_value(key) < challenge.share), BATCH_SIZE))


def unscored_live_parts(challenge: Challenge) -> InspectionQuerySet:
    """Return the decided parts that the challenger lacks, also those outside its share."""
    rescores = Rescore.objects.filter(inspection=OuterRef("pk"), version=challenge.version)
    since = Inspection.objects.filter(product=challenge.product, received_at__gte=challenge.created_at)
    decided = since.filter(state=Inspection.State.DECIDED, received_at__gte=Now() - MAX_AGE)
    return decided.exclude(model_version=challenge.version).filter(~Exists(rescores))
