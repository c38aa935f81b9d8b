"""The registry: which version is champion, and how one becomes it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from mltasks import version_files
from mltasks.models import ModelVersion, Promotion, RegisteredModel
from mltasks.vision import bundle
from mltasks.vision.bundle import BundleCorrupt

__all__ = [
    "PERMISSION",
    "AlreadyChampion",
    "BundleCorrupt",
    "ChampionChanged",
    "NeverChampion",
    "champion",
    "former_champion",
    "promote",
    "roll_back",
]

PERMISSION = "mltasks.promote_modelversion"


class AlreadyChampion(ValueError):  # noqa: N818 - a state of the thing
    """The version is champion already: there is nothing to change."""


class ChampionChanged(ValueError):  # noqa: N818 - a state of the thing
    """Another version became champion while the person read the comparison."""


class NeverChampion(ValueError):  # noqa: N818 - a state of the thing
    """The version never was champion: it can be promoted, not rolled back to."""


def champion(model: RegisteredModel) -> ModelVersion | None:
    """The version that scores now, read anew at each call: a promotion reaches every process by it."""
    return ModelVersion.objects.filter(model=model, state=ModelVersion.State.CHAMPION).first()


def promote(version: ModelVersion, *, by: User | None, reason: str, over: int | None = None) -> Promotion:
    """Make a version champion and retire the one before, in one transaction. A retired version comes back likewise.

    ``over`` is the number of the champion that the person compared it with, 0 for none; left out, any will do. Doors
    check ``PERMISSION`` first. Raises ValueError without a reason, AlreadyChampion, ChampionChanged, BundleCorrupt
    when the version's files are not what was trained, and StoreAway.
    """
    reason = reason.strip()
    if not reason:
        raise ValueError(_("A promotion needs a reason: say in a few words why this version should score."))
    # Before the lock: it reads the whole directory, which never changes.
    bundle.verify(version_files.at_hand(version), version.sha256)
    with transaction.atomic():
        model = RegisteredModel.objects.select_for_update().get(pk=version.model_id)
        previous = champion(model)
        if previous is not None and previous.pk == version.pk:
            raise AlreadyChampion(_("{version} is champion already.").format(version=version))
        if over is not None and over != (previous.number if previous else 0):
            raise ChampionChanged(_("The champion changed while you read. Look at the comparison again, then decide."))
        if previous is not None:
            ModelVersion.objects.filter(pk=previous.pk).update(state=ModelVersion.State.RETIRED)
        ModelVersion.objects.filter(pk=version.pk).update(state=ModelVersion.State.CHAMPION)
        promotion = Promotion.objects.create(model=model, version=version, previous=previous, by=by, reason=reason)
    version.refresh_from_db()
    return promotion


def roll_back(version: ModelVersion, *, by: User | None, reason: str = "", over: int | None = None) -> Promotion:
    """Bring a former champion back, by the way that every promotion goes; without a reason the record says that it was
    rolled back. The files of the version that it replaces are not looked at: they may be what is wrong.

    Raises NeverChampion, and what ``promote`` raises.
    """
    if not version.promotions.exists():
        raise NeverChampion(_("{version} never was champion: look at it and promote it.").format(version=version))
    return promote(version, by=by, reason=reason.strip() or _("Rolled back."), over=over)


def former_champion(model: RegisteredModel) -> ModelVersion | None:
    """The champion before the one that scores now; None before the second promotion."""
    last = Promotion.objects.filter(model=model).select_related("previous").first()
    return last.previous if last else None
