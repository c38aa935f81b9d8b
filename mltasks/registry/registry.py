"""Registry of versions: the champion, promotion, rollback and approval."""

from __future__ import annotations

from functools import lru_cache

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from mltasks.models import Approval, ModelVersion, Promotion, RegisteredModel
from mltasks.models.prepared_queries import Param, PreparedQuery
from mltasks.refusals import Refusal
from mltasks.registry import gate
from mltasks.storage import version_store
from mltasks.text.storable import visible_text
from mltasks.vision.serving import bundle

PROMOTE_PERMISSION = "mltasks.promote_modelversion"
# Rows of versions in a process; the largest part of a row is the version's meta.json.
MAX_LOADED_ROWS = 64
# PostgreSQL's own columns tell that a row has changed: ``xmin`` is the transaction that wrote it, ``ctid`` its place.
_CHAMPION_STATE = PreparedQuery(
    lambda: (
        ModelVersion.objects.filter(model=Param("model", BigIntegerField()), state=ModelVersion.State.CHAMPION)
        .order_by()
        .annotate(written=RawSQL("xmin::text", ()), place=RawSQL("ctid::text", ()))
        .values_list("pk", "written", "place")
    )
)


class AlreadyChampion(Refusal):
    """Refusal of a version that is champion already."""

    code = "already_champion"


class ChampionChanged(Refusal):
    """Refusal because another version became champion while the person read the comparison."""

    code = "champion_changed"


class NeverChampion(Refusal):
    """Refusal to roll back to a version that was never champion; it can be promoted."""

    code = "never_champion"

    def __init__(self, version: ModelVersion) -> None:
        text = _("{version} was never champion, so a rollback cannot restore it. Promote it instead.")
        super().__init__(text.format(version=version))


class ReasonMissing(Refusal):
    """Refusal of a promotion, rollback or approval without a reason."""

    code = "invalid_request"
    status = 400
    field = "reason"


def champion(model: RegisteredModel) -> ModelVersion | None:
    """Return the version that scores now.

    It is read from the database at each call, so that a promotion reaches every process.
    """
    return ModelVersion.objects.filter(model=model, state=ModelVersion.State.CHAMPION).first()


def scoring_champion(model: RegisteredModel) -> ModelVersion | None:
    """Return the version that scores now, for intake: its row is read again only after it has changed."""
    found = _CHAMPION_STATE.rows(model=model.pk)
    return _load_row(*found[0]) if found else None


@lru_cache(MAX_LOADED_ROWS)
def _load_row(key: int, *_state: str) -> ModelVersion:
    return ModelVersion.objects.get(pk=key)


def promote(
    version: ModelVersion,
    *,
    by: User | None,
    reason: str,
    over: int | None = None,
    override: str = "",
    kind: Promotion.Kind = Promotion.Kind.PROMOTION,
) -> Promotion:
    """Make a version champion and retire the present one, in one transaction.

    Retired versions can be promoted, too. ``over`` is the number of the champion that the person compared with, 0 for
    none; None accepts any. ``override`` is the recorded reason to promote although a gate line does not hold. Callers
    check ``PROMOTE_PERMISSION`` first.

    Raises ReasonMissing, AlreadyChampion, ChampionChanged, GateClosed, PermissionDenied for an override without
    permission, BundleCorrupt if the version's files are damaged, and StoreUnreachable.
    """
    reason, override = visible_text(reason), visible_text(override)
    if not reason:
        raise ReasonMissing(_("A promotion needs a reason. Say why this version should score."))
    if override and by is not None and not by.has_perm(gate.OVERRIDE_PERMISSION):
        raise PermissionDenied(
            _("Only a quality manager may override the promotion gate. Ask a quality manager to promote the version.")
        )
    # Before the lock, because it reads the whole directory, which never changes.
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
            # An override that was not needed is not recorded.
            override=override if any(line.fails for line in lines) else "",
        )
    version.refresh_from_db()
    return promotion


def roll_back(version: ModelVersion, *, by: User | None, reason: str, over: int | None = None) -> Promotion:
    """Promote a former champion again, without the gate.

    The files of the replaced version are not read: they may be the reason. The gate does not apply: the version passed
    it when it became champion. Raises NeverChampion, ReasonMissing, and what ``promote`` raises.
    """
    if not version.promotions.exists():
        raise NeverChampion(version)
    if not visible_text(reason):
        raise ReasonMissing(_("A rollback needs a reason. Say what is wrong with the current champion."))
    return promote(version, by=by, reason=reason, over=over, kind=Promotion.Kind.ROLLBACK)


def approve(version: ModelVersion, *, by: User, reason: str, over: int | None = None) -> Approval:
    """Record a person's approval that a version may replace the present champion.

    ``over`` is as in ``promote``; callers check ``PROMOTE_PERMISSION`` first. Raises ReasonMissing, AlreadyChampion and
    ChampionChanged.
    """
    reason = visible_text(reason)
    if not reason:
        raise ReasonMissing(_("An approval needs a reason. Say why you approve this version."))
    current = _check_current(version, over)
    return Approval.objects.create(version=version, champion=current, by=by, reason=reason)


def _check_current(version: ModelVersion, over: int | None) -> ModelVersion | None:
    """Return the present champion.

    Raises AlreadyChampion, and ChampionChanged if it is not number ``over``.
    """
    current = champion(version.model)
    if current is not None and current.pk == version.pk:
        raise AlreadyChampion(_("{version} is champion already.").format(version=version))
    if over is not None and over != (current.number if current else 0):
        raise ChampionChanged(_("The champion has changed since you opened this page. Compare again, then decide."))
    return current


def rollback_target(model: RegisteredModel) -> ModelVersion | None:
    """Return the version that a rollback restores; None if there is none.

    It is the latest former champion that was not rolled back from.
    """
    return next(iter(former_champions(model.pk)), None)


def former_champions(model_id: int) -> list[ModelVersion]:
    """Return the champions before the present one, the latest first, each once.

    A version that was rolled back from is left out: people decided that it should not score. It can be promoted again
    through the gate.
    """
    line: list[ModelVersion] = []
    history = Promotion.objects.filter(model=model_id).order_by("pk").select_related("version__model")
    for promotion in history:
        line = _apply_promotion(line, promotion)
    return line[-2::-1]


def _apply_promotion(champions: list[ModelVersion], promotion: Promotion) -> list[ModelVersion]:
    """Return the champions after one more promotion or rollback, the present one last."""
    version = promotion.version
    if promotion.kind != Promotion.Kind.ROLLBACK:
        return [*(former for former in champions if former != version), version]
    if version in champions:
        return champions[: champions.index(version) + 1]
    # The version comes back after an earlier rollback from it: the version that it replaces is now the unwanted one.
    return [*champions[:-1], version]
