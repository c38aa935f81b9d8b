"""Service functions of defect types; each locks the product's row, as imports do."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.models import Inspection, Product
from labeling.models import DefectExample, DefectType
from labeling.models.type_names import normalize_type_name
from labeling.refusals import InvalidDefectType


def active_types(product: Product) -> list[DefectType]:
    """Return the product's unmerged defect types, types with a key first."""
    return sorted(product.defect_types.filter(merged_into=None), key=lambda kind: (kind.key == "", kind.key, kind.name))


def add_type(product: Product, *, name: str, key: str = "", colour: str = "") -> DefectType:
    """Add a defect type. Its name is normalized as a folder's name is.

    Raises InvalidDefectType, with a text for people, for a taken name or key, or an invalid name, key or color.
    """
    with transaction.atomic():
        _lock_product(product)
        return _validate_and_save(DefectType(product=product, name=_valid_name(name), key=key, colour=colour))


def change_type(defect_type: DefectType, *, name: str, key: str, colour: str) -> DefectType:
    """Change the name, key or color of a type; its labels follow.

    The old name is kept as a merged type, so that open pages, folders and clients may still send it. Snapshots are
    copies and keep the old name. Raises as ``add_type``, and for a merged type.
    """
    with transaction.atomic():
        _lock_product(defect_type.product)
        current = _load_unmerged_type(defect_type)
        name_before = current.name
        current.name, current.key, current.colour = _valid_name(name), key, colour
        _validate_and_save(current)
        if current.name != name_before:
            DefectType.objects.create(product=current.product, name=name_before, merged_into=current, merged_at=Now())
        return current


def merge_types(defect_type: DefectType, *, into: DefectType) -> DefectType:
    """Merge a type into another one for good and return the other one. Examples move over.

    Labels are not rewritten. Types merged into ``defect_type`` before count for ``into``, too. Idempotent. Raises
    InvalidDefectType if either type was merged elsewhere, is the same, or belongs to another product.
    """
    with transaction.atomic():
        _lock_product(defect_type.product)
        target = _load_unmerged_type(into)
        if target.pk == defect_type.pk or target.product_id != defect_type.product_id:
            raise InvalidDefectType(_("Choose another type of the same product to merge into."))
        if DefectType.objects.filter(pk=defect_type.pk, merged_into=target).exists():
            return target
        source = _load_unmerged_type(defect_type)
        DefectType.objects.filter(merged_into=source).update(merged_into=target)
        DefectType.objects.filter(pk=source.pk).update(merged_into=target, merged_at=Now(), key="")
        source.examples.filter(inspection__in=target.examples.values("inspection")).delete()
        source.examples.update(defect_type=target)
        return target


def add_example(defect_type: DefectType, part: Inspection, *, by: User) -> DefectExample:
    """Add an example once. Raises InvalidDefectType for a merged type or foreign part."""
    with transaction.atomic():
        _lock_product(defect_type.product)
        current = _load_unmerged_type(defect_type)
        if part.product_id != current.product_id:
            raise InvalidDefectType(_("The example must be a part of the same product."))
        return DefectExample.objects.get_or_create(defect_type=current, inspection=part, defaults={"added_by": by})[0]


def remove_example(defect_type: DefectType, part: Inspection) -> None:
    """Remove the part from the examples of the type."""
    DefectExample.objects.filter(defect_type=defect_type, inspection=part).delete()


def _lock_product(product: Product) -> None:
    Product.objects.select_for_update(no_key=True).get(pk=product.pk)


def _load_unmerged_type(defect_type: DefectType) -> DefectType:
    """Reload the type. Raises InvalidDefectType if it was merged."""
    current = DefectType.objects.select_related("product", "merged_into").get(pk=defect_type.pk)
    if current.merged_into is not None:
        names = {"name": current.name, "other": current.merged_into.name}
        raise InvalidDefectType(_("%(name)s was merged into %(other)s. Choose %(other)s.") % names)
    return current


def _valid_name(name: str) -> str:
    valid_name = normalize_type_name(name.strip())
    if not valid_name:
        raise InvalidDefectType(_("The name needs at least one letter or digit."))
    return valid_name


def _validate_and_save(defect_type: DefectType) -> DefectType:
    others = (
        DefectType.objects.filter(product=defect_type.product).exclude(pk=defect_type.pk).select_related("merged_into")
    )
    _release_name(defect_type.name, others.filter(name=defect_type.name).first())
    holder = others.filter(key=defect_type.key).first() if defect_type.key else None
    if holder is not None:
        raise InvalidDefectType(
            _("Key %(key)s is already used by %(name)s. Choose another key.")
            % {"key": defect_type.key, "name": holder.name}
        )
    try:
        defect_type.clean_fields()
    except ValidationError as error:
        raise InvalidDefectType(" ".join(error.messages)) from error
    defect_type.save()
    return defect_type


def _release_name(name: str, other: DefectType | None) -> None:
    """Delete the merged type of this name if no label carries it. Else raise InvalidDefectType."""
    if other is None:
        return
    if other.merged_into is None:
        raise InvalidDefectType(_("The type %(name)s already exists. Choose another name.") % {"name": name})
    if other.labels.exists():
        names = {"name": name, "other": other.merged_into.name}
        raise InvalidDefectType(
            _("%(name)s was merged into %(other)s and still has labels. Choose another name.") % names
        )
    other.delete()
