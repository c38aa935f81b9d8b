"""The registry: which version is champion, and how one becomes it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from mltasks.models import Approval, ModelVersion, Promotion, RegisteredModel
from mltasks.refusals import Refusal
from mltasks.registry import gate
from mltasks.registry.former_champions import former_champions
from mltasks.registry.gate import GateClosed
from mltasks.storage import version_store
from mltasks.text.storable import visible_text
from mltasks.vision.serving import bundle
from mltasks.vision.serving.bundle import BundleCorrupt

__all__ = [
    "PROMOTE_PERMISSION",
    "AlreadyChampion",
    "BundleCorrupt",
    "ChampionChanged",
    "GateClosed",
    "NeverChampion",
    "ReasonMissing",
    "approve",
    "champion",
    "former_champions",
    "promote",
    "roll_back",
    "rollback_target",
]

PROMOTE_PERMISSION = "mltasks.promote_modelversion"


class AlreadyChampion(Refusal):
    """The version is champion already: there is nothing to change."""

    code = "already_champion"


class ChampionChanged(Refusal):
    """Another version became champion while the person read the comparison."""

    code = "champion_changed"


class NeverChampion(Refusal):
    """The version never was champion: it can be promoted, not rolled back to."""

    code = "never_champion"

    def __init__(self, version: ModelVersion) -> None:
        super().__init__(_("{version} never was champion: look at it and promote it.").format(version=version))


class ReasonMissing(Refusal):
    """Promotions, rollbacks and approvals need a reason."""

    code = "invalid_request"
    status = 400
    field = "reason"


def champion(model: RegisteredModel) -> ModelVersion | None:
    """The version that scores now, read anew at each call: a promotion reaches every process by it."""
    return ModelVersion.objects.filter(model=model, state=ModelVersion.State.CHAMPION).first()


def promote(
    version: ModelVersion,
    *,
    by: User | None,
    reason: str,
    over: int | None = None,
    override: str = "",
    kind: Promotion.Kind = Promotion.Kind.PROMOTION,
) -> Promotion:
    """Make a version champion and retire the one before, in one transaction. A retired version comes back likewise.

    ``over`` is the number of the champion that the person compared it with, 0 for none; left out, any will do.
    ``override`` says why it shall pass although a line of the product's gate does not hold: on the record for good.
    Doors check ``PROMOTE_PERMISSION`` first. Raises ReasonMissing, AlreadyChampion, ChampionChanged, GateClosed,
    PermissionDenied for an override by somebody who may not, BundleCorrupt when the version's files are not what was
    trained, and StoreAway.
    """
    reason, override = visible_text(reason), visible_text(override)
    if not reason:
        raise ReasonMissing(_("A promotion needs a reason: say in a few words why this version should score."))
    if override and by is not None and not by.has_perm(gate.OVERRIDE_PERMISSION):
        raise PermissionDenied(_("Only a quality manager may override the promotion policy."))
    # Before the lock: it reads the whole directory, which never changes.
    bundle.verify(version_store.ensure_local(version), version.sha256)
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().get(pk=version.model_id)
        previous = _check_current(version, over)
        lines = gate.evaluate(version, previous, by)
        if kind != Promotion.Kind.ROLLBACK:
            gate.check(lines, override)
        if previous is not None:
            ModelVersion.objects.filter(pk=previous.pk).update(state=ModelVersion.State.RETIRED)
        ModelVersion.objects.filter(pk=version.pk).update(state=ModelVersion.State.CHAMPION)
        promotion = Promotion.objects.create(
            model=model,
            version=version,
            previous=previous,
            kind=kind,
            by=by,
            reason=reason,
            gate=[line.to_json() for line in lines],
            # What was not needed is not on the record: nothing was overridden.
            override=override if any(line.fails for line in lines) else "",
        )
    version.refresh_from_db()
    return promotion


def roll_back(version: ModelVersion, *, by: User | None, reason: str, over: int | None = None) -> Promotion:
    """Bring a former champion back, by the way that every promotion goes.

    The files of the version that it replaces are not read: they may be what is wrong. The gate does not hold it up:
    the version passed it when it became champion. Raises NeverChampion, ReasonMissing, and what
    ``promote`` raises.
    """
    if not version.promotions.exists():
        raise NeverChampion(version)
    if not visible_text(reason):
        raise ReasonMissing(_("A rollback needs a reason: say in a few words what is wrong with the present champion."))
    return promote(version, by=by, reason=reason, over=over, kind=Promotion.Kind.ROLLBACK)


def approve(version: ModelVersion, *, by: User, reason: str, over: int | None = None) -> Approval:
    """Say that a version may take the present champion's place. ``over`` as in ``promote``; doors check
    ``PROMOTE_PERMISSION``
    first. Raises ReasonMissing, AlreadyChampion and ChampionChanged."""
    reason = visible_text(reason)
    if not reason:
        raise ReasonMissing(_("An approval needs a reason: say in a few words what convinced you."))
    current = _check_current(version, over)
    return Approval.objects.create(version=version, champion=current, by=by, reason=reason)


def _check_current(version: ModelVersion, over: int | None) -> ModelVersion | None:
    """Return the present champion. Raises AlreadyChampion, and ChampionChanged where it is not number ``over``."""
    current = champion(version.model)
    if current is not None and current.pk == version.pk:
        raise AlreadyChampion(_("{version} is champion already.").format(version=version))
    if over is not None and over != (current.number if current else 0):
        raise ChampionChanged(_("The champion changed while you read. Look at the comparison again, then decide."))
    return current


def rollback_target(model: RegisteredModel) -> ModelVersion | None:
    """Return the version that a rollback brings back: the champion before the present one that nobody rolled back
    from; None where there is none."""
    return next(iter(former_champions(model.pk)), None)
