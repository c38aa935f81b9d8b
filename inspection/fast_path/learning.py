"""Learning of a product's fast path from its stored parts and the champion's answers. Needs torch."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from inspection.images import image_files
from inspection.models import FastPath, Inspection, Product, Reason, Rescore, Verdict
from inspection.products.bands import escape_curve, fast_path_policy
from inspection.products.part_identity import PartIdentities
from inspection.replay.rescoring import score_parts, unscored_parts
from inspection.replay.scored_parts import ExposureCheck
from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.registry.precision_choice import choose_precision
from mltasks.storage import version_store
from mltasks.vision.data.duplicate_groups import file_group, group_samples
from mltasks.vision.fast_path.held_out import AnsweredImage
from mltasks.vision.fast_path.screening_learning import LearnedFastPath, LearningTask, NothingSaved, learn_fast_path
from mltasks.vision.fast_path.screening_network import TooManyOperations
from mltasks.vision.guarantees.escape_guarantee import applicable_bound
from mltasks.vision.guarantees.screening_certificate import ScreeningTerms, TooFewParts
from mltasks.vision.guarantees.thresholds import Bands
from mltasks.vision.serving.bundle import read_meta
from mltasks.vision.types import DEFECT, GOOD, InputSize, ProgressCallback, Roi, Sample, no_progress

# Newest parts that are used; the champion scores those it has not scored yet, about ten a second.
MAX_PARTS = 10_000


class FastPathRefused(Refusal):
    """Refusal to learn a fast path; the message says what is missing."""


def learn(product: Product, progress: ProgressCallback = no_progress) -> FastPath:
    """Learn the product's fast path from the champion's answers, store it and let it serve.

    Takes minutes: the champion scores the newest parts that it has not scored yet. Raises FastPathRefused if there is
    no champion, if there are too few parts for the certificate, or if nothing would be saved; BundleCorrupt and
    StoreUnreachable.
    """
    version = registry.champion(product.registered_model)
    if version is None:
        raise FastPathRefused(_("{product} has no champion to learn a fast path from.").format(product=product))
    directory = version_store.ensure_local(version)
    policy = fast_path_policy(product, version)
    size = read_meta(directory)["input"]
    task = LearningTask(
        _answered_images(product, version, Bands(**policy["bands"])),
        directory,
        InputSize(size["height"], size["width"], size.get("keep_shape", False)),
        screening_terms(product, version),
        precision=choose_precision(version),
    )
    name = f"{product.slug}/fast-path-{version.number}-{secrets.token_hex(4)}"
    origin = {"version": version.number, "version_sha256": version.sha256, "policy": policy}
    try:
        learned = learn_fast_path(task, Path(settings.VERSIONS_DIR) / name, origin, progress)
    except (TooFewParts, NothingSaved, TooManyOperations) as error:
        raise FastPathRefused(str(error)) from error
    return _record(product, version, name, learned)


def screening_terms(product: Product, version: ModelVersion) -> ScreeningTerms:
    """Return what a certificate for the product and the version must show."""
    curve, promise = escape_curve(version.meta), product.escape_guarantee
    if curve is None:
        return ScreeningTerms(product.leak_guarantee, promise, "none", 0)
    kind = applicable_bound(curve.part_count, promise, average=curve.is_joint).kind
    return ScreeningTerms(product.leak_guarantee, promise, kind, curve.part_count)


def _record(product: Product, version: ModelVersion, name: str, learned: LearnedFastPath) -> FastPath:
    """Publish the files, then write the row and make it the product's fast path. Without a row no file stays."""
    try:
        version_store.publish(name)
        with transaction.atomic():
            row = FastPath.objects.create(
                product=product, version=version, bundle=name, sha256=learned.sha256, meta=learned.meta
            )
            Product.objects.filter(pk=product.pk).update(fast_path=row)
    except BaseException:
        version_store.remove(name)
        raise
    product.fast_path = row
    return row


def _answered_images(product: Product, version: ModelVersion, bands: Bands) -> list[AnsweredImage]:
    """Return the newest stored parts with the version's answers by these bands. Unreadable images are left out."""
    stored = Inspection.objects.filter(product=product).filter(Q(state="imported") | Q(state="decided"))
    whole = stored.exclude(reasons__contains=[Reason.DAMAGED_IMAGE])
    keys = list(whole.order_by("-received_at").values_list("pk", flat=True)[:MAX_PARTS])
    for _step in score_parts(version, unscored_parts(version, keys)):
        pass
    passed = _passed_by(version, keys, bands)
    parts = list(Inspection.objects.filter(pk__in=passed).order_by("image_sha256", "pk"))
    identities = PartIdentities(product)
    exposure = ExposureCheck([version], parts, identities)
    groups = [identities.group(part) for part in parts]
    samples = [
        _make_sample(part, group or file_group(part.image_sha256)) for part, group in zip(parts, groups, strict=True)
    ]
    grouped = group_samples(samples, [bool(group) for group in groups])
    return [
        AnsweredImage(sample, passed[part.pk], trained=exposure.was_trained_on(part))
        for part, sample in zip(parts, grouped, strict=True)
    ]


def _make_sample(part: Inspection, group: str) -> Sample:
    return Sample(
        name=str(part.pk),
        sha256=part.image_sha256,
        path=image_files.image_path(part),
        target=DEFECT if part.human_verdict == Verdict.FAIL else GOOD,
        group=group,
        roi=Roi.from_stored(part.roi),
        bit_depth=part.bit_depth,
    )


def _passed_by(version: ModelVersion, keys: Sequence[UUID], bands: Bands) -> dict[UUID, bool]:
    """Return for each part that the version scored if the bands pass it."""
    scores = "defect_probability", "novelty", "novel_defect_suspected"
    decided = Inspection.objects.filter(pk__in=keys, model_version=version, defect_probability__isnull=False)
    rescored = Rescore.objects.filter(inspection__in=keys, version=version)
    rows = [*rescored.values_list("inspection", *scores), *decided.values_list("pk", *scores)]
    return {key: not suspected and bands.passes(low, novelty or 0.0) for key, low, novelty, suspected in rows}
