"""Light colors for a report's plots, which are stored with dark colors."""

from __future__ import annotations

from mltasks.vision.evaluation.plot_colors import FAIL_INK, INK, LINE, MUTED, NOVELTY, PANEL, PASS_INK, RAISED, REVIEW

# Light color by stored color; text has a contrast of at least 4.5:1, lines 3:1.
_LIGHT_COLORS = {
    PANEL: "#ffffff",
    RAISED: "#eaedf1",
    INK: "#14181d",
    MUTED: "#55606d",
    LINE: "#7c8794",
    PASS_INK: "#00694c",
    FAIL_INK: "#9d4400",
}
# Bright areas stay; only text and lines change.
_LIGHT_INK = {NOVELTY: "#5f5800", REVIEW: "#12608f"}


def _rules() -> str:
    areas = [_rule(f'[style*="fill: {dark.lower()}"]', "fill", light) for dark, light in _LIGHT_COLORS.items()]
    texts = [_rule(f'text[style*="fill: {dark.lower()}"]', "fill", light) for dark, light in _LIGHT_INK.items()]
    inks = _LIGHT_COLORS | _LIGHT_INK
    lines = [_rule(f'[style*="stroke: {dark.lower()}"]', "stroke", light) for dark, light in inks.items()]
    return "".join([*areas, *texts, *lines])


def _rule(selector: str, name: str, colour: str) -> str:
    return f"{selector}{{{name}:{colour}!important}}"


_STYLE = f"<style>@media (prefers-color-scheme: light){{{_rules()}}}</style>".encode()


def add_light_theme(svg: bytes) -> bytes:
    """Return the SVG with light colors for pages in the light theme.

    An image takes its page's ``color-scheme``. The colors are added when the plot is sent: so earlier versions have
    them, too, and no hash changes.
    """
    head, end, tail = svg.rpartition(b"</svg>")
    return head + _STYLE + end + tail if end else svg
