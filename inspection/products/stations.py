"""Camera stations and their keys."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from inspection.models import Product, Station, StationKey


def create_station(
    product: Product, name: str, roi: str = "", *, urgent: bool = False, bit_depth: int | None = None
) -> tuple[Station, str]:
    """Make a station and its first key, which can't be shown again. ``roi`` is ``X,Y,W,H`` in upright pixels; people
    see an ``urgent`` station's parts before others. Without a ``bit_depth`` the station's images settle it.

    Raises ValidationError, also when the product has a station of that name.
    """
    station = Station(product=product, name=name, roi=roi, urgent=urgent, bit_depth=bit_depth)
    station.full_clean()
    try:
        with transaction.atomic():
            station.save()
            return station, issue_key(station)
    except IntegrityError as error:
        raise ValidationError({"name": f"There is a station {name!r} already."}) from error


def issue_key(station: Station) -> str:
    """Issue another key; older ones stay valid until they are revoked, so that a camera can change over."""
    _, key = StationKey.objects.create_key(station=station, name=str(station)[:50])
    return str(key)


def revoke_key(key: StationKey) -> None:
    """Make a key useless at once and for ever."""
    key.revoked = True
    key.save(update_fields=["revoked"])
