"""Creation of camera stations, and issue and revocation of their keys."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from inspection.models import Product, Station, StationKey


def create_station(
    product: Product,
    name: str,
    roi: str = "",
    *,
    urgent: bool = False,
    bit_depth: int | None = None,
    deadline_ms: int | None = None,
) -> tuple[Station, str]:
    """Create a station and return it with its first key. Raises ValidationError.

    The key can't be shown again. ``roi`` is ``X,Y,W,H`` in upright pixels; parts of an ``urgent`` station are reviewed
    before others. Without a ``bit_depth`` the station's images set it, without a ``deadline_ms`` the product's applies.
    An existing name is an error too.
    """
    station = Station(product=product, name=name, roi=roi, urgent=urgent, bit_depth=bit_depth, deadline_ms=deadline_ms)
    station.full_clean()
    try:
        with transaction.atomic():
            station.save()
            return station, issue_key(station)
    except IntegrityError as error:
        raise ValidationError({"name": f"A station named {name!r} already exists. Choose another name."}) from error


def issue_key(station: Station) -> str:
    """Issue another key; older keys stay valid until revoked, so that cameras can change over."""
    _, key = StationKey.objects.create_key(station=station, name=str(station)[:50])
    return str(key)


def revoke_key(key: StationKey) -> None:
    """Revoke a key immediately and permanently."""
    key.revoked = True
    key.save(update_fields=["revoked"])
