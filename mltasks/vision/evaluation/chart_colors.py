"""Colors of stored charts in the dark and the light theme."""

from __future__ import annotations

# Dark and light color by name; areas are Okabe and Ito's palette in both. Texts have a contrast of 4.5:1, lines 3:1.
COLORS = {
    "pass": ("#009e73", "#009e73"),
    "fail": ("#d55e00", "#d55e00"),
    "review": ("#56b4e9", "#56b4e9"),
    "pass-ink": ("#3fc79d", "#00694c"),
    "fail-ink": ("#ff8a3d", "#9d4400"),
    "review-ink": ("#5ab6ea", "#12608f"),
    "novelty": ("#f0e442", "#5f5800"),
    "panel": ("#171b21", "#ffffff"),
    "ink": ("#e8ebef", "#14181d"),
    "muted": ("#a4adb8", "#55606d"),
    "line": ("#4a535e", "#7c8794"),
}
DARK = {name: dark for name, (dark, _) in COLORS.items()}
_LIGHT_RULES = "".join(
    f'[style*="{kind}: {dark}"]{{{kind}:{light}!important}}'
    for dark, light in COLORS.values()
    if dark != light
    for kind in ("fill", "stroke")
)
# Further colors in files of earlier releases: backgrounds, and text in the color of REVIEW.
_EARLIER_RULES = (
    '[style*="fill: #232932"]{fill:#eaedf1!important}'
    'text[style*="fill: #56b4e9"]{fill:#12608f!important}[style*="stroke: #56b4e9"]{stroke:#12608f!important}'
)
_MARK = "prefers-color-scheme"
_LIGHT_STYLE = f"<style>@media ({_MARK}: light){{{_LIGHT_RULES}{_EARLIER_RULES}}}</style>".encode()


def add_light_theme(svg: bytes) -> bytes:
    """Return a stored SVG with its colors for the light theme; unchanged if it has them."""
    head, end, tail = svg.rpartition(b"</svg>")
    return svg if _MARK.encode() in svg or not end else b"".join([head, _LIGHT_STYLE, end, tail])
