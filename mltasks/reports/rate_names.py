"""Names of the rates at which defective parts pass: one name per rate, on every page.

The stored keys are older. In a version's metrics ``escape_rate`` is the miss rate of the model alone, and
``routed_escape_rate`` is the escape rate. In the figures of a replay ``escape_rate`` is the escape rate.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ESCAPE_RATE = _("Escape rate")
ESCAPE_RATE_OF_PARTS = _("Escape rate: defective parts that pass with nobody looking")
MISS_RATE = _("Miss rate of the model alone: defective parts that its own label passes")
