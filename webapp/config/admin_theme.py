"""Theme of the admin site: name, icon and blue of the pages."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Second Look",
    "SITE_HEADER": "Second Look",
    "SITE_ICON": lambda _request: static("img/logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("img/logo.svg")}],
    # Blue of the pages. From 600 on it is dark enough to read on white.
    "COLORS": {
        "primary": {
            "50": "oklch(97.7% .013 236.62)",
            "100": "oklch(95.1% .026 236.824)",
            "200": "oklch(90.1% .058 230.902)",
            "300": "oklch(82.8% .111 230.318)",
            "400": "oklch(74.6% .16 232.661)",
            "500": "oklch(68.5% .169 237.323)",
            "600": "oklch(50% .134 242.749)",
            "700": "oklch(44.3% .11 240.79)",
            "800": "oklch(39.1% .09 240.876)",
            "900": "oklch(34% .078 242)",
            "950": "oklch(29.3% .066 243.157)",
        }
    },
    "STYLES": [lambda _request: static("css/admin.css")],
}
