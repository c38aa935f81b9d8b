"""Products and the registered model each of them has."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _

from inspection.models import PickStrategy, Product
from inspection.models.policy_changes import RECORDED_FIELDS, policy_change_context
from inspection.products import queue_ranking
from mltasks.models import RegisteredModel
from mltasks.text.storable import visible_text
from mltasks.vision.serving.escape_guarantee import EscapeRateGuarantee


def create_product(
    slug: str,
    *,
    name: str = "",
    fn_cost: float = 5.0,
    fp_cost: float = 1.0,
    defect_rate: float | None = None,
    escape_promise: float = EscapeRateGuarantee().rate,
    pick_strategy: str = PickStrategy.EXPECTED_COST,
) -> Product:
    """Make a product with its registered model. The name defaults to the slug in words. ``defect_rate`` is the line's
    share of defective parts, if it is known; ``escape_promise`` the share of them that may pass with nobody looking;
    ``pick_strategy`` orders its review queue.

    Raises ValidationError, also when there is one of that slug.
    """
    words = name or slug.replace("-", " ").replace("_", " ").capitalize()
    costs = {"fn_cost": fn_cost, "fp_cost": fp_cost}
    policy = {"defect_rate": defect_rate, "escape_promise": escape_promise, "pick_strategy": pick_strategy}
    return add(Product(slug=slug, name=words, **costs, **policy))


def add(product: Product, *, by: User | None = None) -> Product:
    """Save a new product and its registered model together; ``by`` goes on the record. Raises ValidationError."""
    product.full_clean(exclude=["registered_model"])
    try:
        with policy_change_context(by, ""):
            product.registered_model = RegisteredModel.objects.create(name=product.slug)
            product.save()
    except IntegrityError as error:
        raise ValidationError({"slug": f"There is a product or a model {product.slug!r} already."}) from error
    return product


def change(product: Product, *, by: User | None, reason: str) -> None:
    """Save a changed product; its waiting parts are ranked anew by what it says now.

    What changes of its costs and its policy is on the record for ever, with who and why. Raises ValidationError where
    any of that changes and nobody says why.
    """
    check_reason(changed_policy_fields(product), reason)
    # Read before another's change was ranked, it would bring that ranking's mark back.
    product.ranked_by = ""
    with policy_change_context(by, reason.strip()):
        product.save()
    queue_ranking.enqueue_reranking()


def check_reason(changed: Iterable[str], reason: str) -> None:
    """Raises ValidationError where one of these fields is on the record and nobody says why it changes."""
    if not visible_text(reason) and not set(RECORDED_FIELDS).isdisjoint(changed):
        raise ValidationError({"reason": _("Say in a few words why costs or policy change: it goes on the record.")})


def changed_policy_fields(product: Product) -> list[str]:
    """Names of the recorded values that the product in hand would change."""
    stored = Product.objects.filter(pk=product.pk).values(*RECORDED_FIELDS).first() or {}
    return [name for name, value in stored.items() if value != getattr(product, name)]
