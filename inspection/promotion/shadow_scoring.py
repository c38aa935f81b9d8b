"""Shadow scoring: a worker scores live parts with the challenger after their verdict.

Challenger scores are stored and never acted on. The worker finds decided, unscored parts itself, without messages. Its
work delays no answer to a station.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
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
        raise ChallengeRefused(_("A challenger scores a share above 0 and up to 1 of the parts."))
    if version.state == ModelVersion.State.CHAMPION:
        raise ChallengeRefused(_("{version} is champion: it scores every part already.").format(version=version))
    product = Product.objects.get(registered_model=version.model_id)
    try:
        with transaction.atomic():
            return Challenge.objects.create(product=product, version=version, by=by, share=share)
    except IntegrityError:
        raise ChallengeRefused(_("Another version is challenger: end that first.")) from None


def end_challenge(challenge: Challenge, *, by: User | None) -> bool:
    """End a challenge and keep its scores. False if it had ended already."""
    return bool(Challenge.objects.running().filter(pk=challenge.pk).update(ended_at=Now(), ended_by=by))


def score_pending_challenges() -> int:
    """Score pending live parts with all challengers, newest first, for at most a minute.

    Returns the number of tried parts. A damaged bundle of one challenger does not affect the others.
    """
    looked, ends = 0, time.monotonic() + MAX_SECONDS
    for running in Challenge.objects.running().select_related("version", "product"):
        if running.version.state == ModelVersion.State.CHAMPION:
            end_challenge(running, by=None)  # promoted: it decides the verdicts now
            continue
        # Runs may overlap; the lease keeps two runs from scoring the same parts.
        if not Challenge.objects.unleased().filter(pk=running.pk).update(lease_expires_at=Now() + LEASE_DURATION):
            continue
        try:
            looked += _score_challenge(running, ends)
        except BundleCorrupt:
            logger.exception("%s can't go on", running)
        finally:
            Challenge.objects.filter(pk=running.pk).update(lease_expires_at=None)
    return looked


def _score_challenge(challenge: Challenge, deadline: float) -> int:
    looked, passed_over = 0, set[UUID]()
    while time.monotonic() < deadline and (keys := _next_parts(challenge, passed_over)):
        looked += sum(
            scored.attempted for scored in rescoring.score_parts(challenge.version, keys, Rescore.Source.SHADOW)
        )
        passed_over |= set(
            rescoring.unscored_parts(challenge.version, keys)
        )  # unreadable images are not tried again in this run
    return looked


def _next_parts(challenge: Challenge, skipped_ids: set[UUID]) -> list[UUID]:
    """Return the next parts: decided since the challenge began, in its share, not scored yet."""
    waiting = unscored_live_parts(challenge).exclude(pk__in=skipped_ids).order_by("-received_at", "-id")
    found: list[UUID] = []
    for key in waiting.values_list("pk", flat=True).iterator(chunk_size=500):
        if shadow_sample_value(key) < challenge.share:
            found.append(key)
        if len(found) == BATCH_SIZE:
            break
    return found


def unscored_live_parts(challenge: Challenge) -> InspectionQuerySet:
    """Return the decided parts that the challenger lacks, also those outside its share."""
    theirs = Rescore.objects.filter(inspection=OuterRef("pk"), version=challenge.version)
    since = Inspection.objects.filter(product=challenge.product, received_at__gte=challenge.created_at)
    decided = since.filter(state=Inspection.State.DECIDED, received_at__gte=Now() - MAX_AGE)
    return decided.exclude(model_version=challenge.version).filter(~Exists(theirs))
