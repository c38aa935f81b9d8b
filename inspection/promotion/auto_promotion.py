"""Automatic replay of new versions and automatic promotion after nightly training.

Versions are replayed over the line's history, and promoted through the same gate as any other version if the policy
allows it.
"""

from __future__ import annotations

import logging

from django.utils.translation import gettext as _

from inspection.models import Product, Replay
from inspection.replay import replay
from inspection.replay.replay import ReplayRefused
from mltasks.models import ModelVersion, Promotion, TrainingRun
from mltasks.registry import gate, registry

logger = logging.getLogger(__name__)


def run() -> tuple[list[Replay], list[Promotion]]:
    """Start missing replays and promote versions automatically.

    Safe to run concurrently. An error of one product is logged and does not affect the others.
    """
    started, promoted = [], []
    for product in Product.objects.select_related("registered_model"):
        try:
            started += start_missing_replay(product)
            promoted += auto_promote(product)
        except Exception:
            logger.exception("Automatic replay or promotion for %s failed", product)
    return started, promoted


def start_missing_replay(product: Product) -> list[Replay]:
    """Queue the replay that the product's newest version lacks, if there are parts to replay.

    A candidate is replayed over the line's history, including the locked holdout, and compared with the champion.
    Without a champion, only the locked holdout is scored.
    """
    version = _newest_version(product)
    scope = _missing_replay_scope(product, version) if version else None
    try:
        return [replay.start(version, scope=scope)] if version and scope else []
    except ReplayRefused as refused:
        logger.debug("No replay of %s: %s", version, refused)
        return []


def auto_promote(product: Product) -> list[Promotion]:
    """Promote the newest nightly version if the policy allows it and the gate passes."""
    version = _newest_version(product)
    if not product.promote_nightly or version is None or version.state != ModelVersion.State.CANDIDATE:
        return []
    champion = registry.champion(version.model)
    if version.run.trigger != TrainingRun.Trigger.NIGHTLY or (champion and not replay.latest_replay(version, champion)):
        return []
    over = champion.number if champion else 0
    reason = _("Promoted automatically after nightly training: all required checks passed.")
    try:
        return [registry.promote(version, by=None, reason=reason, over=over, kind=Promotion.Kind.NIGHTLY)]
    except (gate.GateClosed, registry.ChampionChanged, registry.AlreadyChampion):
        # The version's page shows the failed gate lines; the next run tries again.
        return []


def _newest_version(product: Product) -> ModelVersion | None:
    versions = ModelVersion.objects.filter(model=product.registered_model_id)
    return versions.select_related("model", "run__snapshot").order_by("-number").first()


def _missing_replay_scope(product: Product, version: ModelVersion) -> Replay.Scope | None:
    champion = registry.champion(version.model)
    if champion and version.state == ModelVersion.State.CANDIDATE:
        comparisons = version.replays.filter(scope=Replay.Scope.HISTORY, champion=champion)
        return None if comparisons.exists() else Replay.Scope.HISTORY
    return Replay.Scope.HOLDOUT if not version.replays.exists() and replay.locked_holdout(product).exists() else None
