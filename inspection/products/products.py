"""Creation and change of products and of their registered models."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from inspection.models import PickStrategy, Product
from inspection.models.policy_changes import RECORDED_FIELDS, policy_change_context
from inspection.products import queue_ranking
from mltasks.models import RegisteredModel
from mltasks.text.storable import visible_text
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.speeds import BALANCED


def create_product(
    slug: str,
    *,
    name: str = "",
    fn_cost: float = 5.0,
    fp_cost: float = 1.0,
    defect_rate: float | None = None,
    escape_promise: float = EscapeRateGuarantee().rate,
    pick_strategy: str = PickStrategy.EXPECTED_COST,
    speed: str = BALANCED,
    deadline_ms: int | None = None,
) -> Product:
    """Create a product with its registered model. Raises ValidationError.

    The name defaults to the slug as words. ``defect_rate`` is the line's share of defective parts, if known;
    ``escape_promise`` is the share of defective parts that may pass unreviewed; ``pick_strategy`` ranks the review
    queue; ``speed`` says how much versions compute; ``deadline_ms`` is the deadline of a verdict. An existing slug is
    an error too.
    """
    name = name or slug.replace("-", " ").replace("_", " ").capitalize()
    costs = {"fn_cost": fn_cost, "fp_cost": fp_cost}
    policy = {"defect_rate": defect_rate, "escape_promise": escape_promise, "pick_strategy": pick_strategy}
    training_settings = {} if speed == BALANCED else {"speed": speed}
    settings = {"training_settings": training_settings, "deadline_ms": deadline_ms}
    return add(Product(slug=slug, name=name, **costs, **policy, **settings))


def add(product: Product, *, by: User | None = None) -> Product:
    """Save a new product and its registered model, recorded with ``by``. Raises ValidationError."""
    product.full_clean(exclude=["registered_model"])
    try:
        with policy_change_context(by, ""):
            product.registered_model = RegisteredModel.objects.create(name=product.slug)
            product.save()
    except IntegrityError as error:
        text = f"A product or model named {product.slug!r} already exists. Choose another slug."
        raise ValidationError({"slug": text}) from error
    return product


def change(product: Product, *, by: User | None, reason: str) -> None:
    """Save a changed product, and rerank its waiting parts if their ranking changes.

    Changes of costs and policy are recorded permanently with user and reason. Raises ValidationError if such a change
    has no reason.
    """
    check_reason(changed_policy_fields(product), reason)
    # This object may be older than a concurrent ranking, whose fingerprint is not saved again.
    columns = {field.name for field in Product._meta.concrete_fields if not field.primary_key}
    with policy_change_context(by, reason.strip()):
        product.save(update_fields=columns - {"ranking_fingerprint"})
    queue_ranking.enqueue_reranking()


def settings_at(product: Product, moment: datetime) -> Product:
    """Return a copy of the product with the costs and policy that applied at a moment."""
    then = copy(product)
    for change in product.policy_changes.filter(created_at__gt=moment).order_by("-created_at", "-id"):
        for name, value in change.before.items():
            setattr(then, name, value)
    # Learned meanwhile, it would change the full graph's bands.
    then.fast_path = product.fast_paths.filter(created_at__lte=moment).first()
    return then


def check_reason(changed: Iterable[str], reason: str) -> None:
    """Raise ValidationError if a recorded field changes without a reason."""
    if not visible_text(reason) and not set(RECORDED_FIELDS).isdisjoint(changed):
        raise ValidationError({"reason": _("Enter a reason. The audit log records why costs or policy change.")})


def changed_policy_fields(product: Product) -> list[str]:
    """Return the names of the recorded fields whose values would change on saving."""
    stored = Product.objects.filter(pk=product.pk).values(*RECORDED_FIELDS).first() or {}
    return [name for name, value in stored.items() if value != getattr(product, name)]
