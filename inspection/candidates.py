"""What becomes of a new version without a person: a replay where one is asked, a measurement on the locked holdout, and
after a night's training perhaps its promotion, through the gate that everybody goes through."""

from __future__ import annotations

import logging

from django.utils.translation import gettext as _

from inspection import replay
from inspection.models import Product, Replay
from inspection.replay import ReplayRefused
from mltasks import registry
from mltasks.models import ModelVersion, Promotion, TrainingRun

logger = logging.getLogger(__name__)


def sweep() -> tuple[list[Replay], list[Promotion]]:
    """Start the replays that are missing and promote what may promote itself. Any number may sweep at once; one
    product's trouble costs no other's."""
    started, promoted = [], []
    for product in Product.objects.select_related("registered_model"):
        try:
            started += start_missing(product)
            promoted += promote_by_itself(product)
        except Exception:
            logger.exception("The newest version of %s could not be looked at", product)
    return started, promoted


def start_missing(product: Product) -> list[Replay]:
    """Queue a replay of the product's newest version if it never had one: of history where the policy asks for it, else
    of the locked holdout, by which versions compare over months."""
    version = _newest(product)
    if version is None or version.replays.exists():
        return []
    scope = _wanted(product, version)
    try:
        return [replay.start(version, scope=scope)] if scope else []
    except ReplayRefused as refused:
        logger.info("No replay of %s: %s", version, refused)
        return []


def promote_by_itself(product: Product) -> list[Promotion]:
    """Promote the newest version where a night's training made it, the policy allows it, and the gate is open."""
    version = _newest(product)
    if not product.promote_nightly or version is None or version.state != ModelVersion.State.CANDIDATE:
        return []
    champion = registry.champion(version.model)
    if version.run.trigger != TrainingRun.Trigger.NIGHTLY or (champion and not replay.latest(version, champion)):
        return []
    over = champion.number if champion else 0
    why = _("The night's version, promoted by itself: all that the policy asks holds.")
    try:
        return [registry.promote(version, by=None, reason=why, over=over, kind=Promotion.Kind.NIGHTLY)]
    except (registry.GateClosed, registry.ChampionChanged, registry.AlreadyChampion):
        # Its page says which line does not hold; another sweep looks again.
        return []


def _newest(product: Product) -> ModelVersion | None:
    of_product = ModelVersion.objects.filter(model=product.registered_model_id)
    return of_product.select_related("model", "run__snapshot").order_by("-number").first()


def _wanted(product: Product, version: ModelVersion) -> Replay.Scope | None:
    asked = product.gate_replay or product.gate_cost or product.promote_nightly or product.gate_escapes is not None
    if asked and version.state == ModelVersion.State.CANDIDATE and registry.champion(version.model):
        return Replay.Scope.HISTORY
    return Replay.Scope.HOLDOUT if replay.locked(product).exists() else None
