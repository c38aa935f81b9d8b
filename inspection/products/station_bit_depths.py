"""Bit depths of stations: set by the first images, widened by larger values, editable."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Max

from inspection.models import Product, Station
from mltasks.vision.data.bit_depths import ResolveBitDepth

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class StationBitDepth:
    """Bit depth for one image of a station.

    ``previous_depth`` is the station's narrower depth if the image widened it.
    """

    station: Station
    previous_depth: int | None = None

    def __call__(self, needed: int) -> int:
        """Return the station's bit depth, set or widened first if the image needs more bits.

        The station's row is locked, so the larger of two concurrent depths stays.
        """
        if self.station.bit_depth is not None and self.station.bit_depth >= needed:
            return self.station.bit_depth
        with transaction.atomic():
            locked = Station.objects.select_for_update(no_key=True).only("bit_depth").get(pk=self.station.pk)
            earlier = locked.bit_depth
            if earlier is not None and earlier >= needed:
                return earlier
            locked.bit_depth = needed
            locked.save(update_fields=["bit_depth"])
        if earlier is not None:
            self.previous_depth = earlier
            logger.warning("Station %s: an image widened the bit depth from %d to %d.", self.station, earlier, needed)
        return needed


def product_bit_depth(product: Product) -> ResolveBitDepth:
    """Return the depth for images without a station: the widest of the product's stations.

    An image that needs more bits gets them.
    """

    def resolve(needed: int) -> int:
        widest = Station.objects.filter(product=product).aggregate(widest=Max("bit_depth"))["widest"]
        return max(needed, widest or 0)

    return resolve
