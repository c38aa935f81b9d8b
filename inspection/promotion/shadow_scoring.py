"""Shadow: a challenger scores live parts too, by a worker after their verdict. What it says is kept and never acted on.

No message tells of a part: the worker looks for decided parts that the challenger has not scored. The score may wait,
a station never does.
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

# One look of the worker ends some time; the next goes on.
BATCH_SIZE, MAX_SECONDS = rescoring.BATCH_SIZE, 60.0  # parts, seconds
# Longer than a look with its last batch; one that was killed delays the next by this much.
LEASE_DURATION = timedelta(seconds=120)
# What a worker that was away for long leaves out: a challenger is about the line as it is now.
MAX_AGE = timedelta(days=1)


class ChallengeRefused(Refusal):
    """The version can't be challenger now."""


def start_challenge(version: ModelVersion, *, by: User | None, share: float = 1.0) -> Challenge:
    """Let a version score live parts beside the champion, all or a share of them, from now on. Raises ChallengeRefused,
    in words for people."""
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
    """End a challenge; its scores stay. False when it was over already."""
    return bool(Challenge.objects.running().filter(pk=challenge.pk).update(ended_at=Now(), ended_by=by))


def score_pending_challenges() -> int:
    """Score what challengers have not scored yet, newest first, for a minute at most. Returns how many parts were
    looked at. One challenger's trouble costs no other's."""
    looked, ends = 0, time.monotonic() + MAX_SECONDS
    for running in Challenge.objects.running().select_related("version", "product"):
        if running.version.state == ModelVersion.State.CHAMPION:
            end_challenge(running, by=None)  # it was promoted: its word is the verdict now
            continue
        # The worker looks again before the last look has ended: two would score the same parts.
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
        )  # without an image: not asked again in this look
    return looked


def _next_parts(challenge: Challenge, skipped_ids: set[UUID]) -> list[UUID]:
    """The next parts: decided since the challenge began, in its share, and not scored by its version."""
    waiting = unscored_live_parts(challenge).exclude(pk__in=skipped_ids).order_by("-received_at", "-id")
    found: list[UUID] = []
    for key in waiting.values_list("pk", flat=True).iterator(chunk_size=500):
        if shadow_sample_value(key) < challenge.share:
            found.append(key)
        if len(found) == BATCH_SIZE:
            break
    return found


def unscored_live_parts(challenge: Challenge) -> InspectionQuerySet:
    """Decided parts that the challenger has not scored, those outside its share among them."""
    theirs = Rescore.objects.filter(inspection=OuterRef("pk"), version=challenge.version)
    since = Inspection.objects.filter(product=challenge.product, received_at__gte=challenge.created_at)
    decided = since.filter(state=Inspection.State.DECIDED, received_at__gte=Now() - MAX_AGE)
    return decided.exclude(model_version=challenge.version).filter(~Exists(theirs))
