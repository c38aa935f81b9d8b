"""Colors of stored charts in the light theme."""

from __future__ import annotations

from mltasks.vision.evaluation.chart_colors import add_light_theme

EARLIER = b'<svg><path style="fill: #171b21"/><text style="fill: #e8ebef">recall</text></svg>'


def test_a_plot_of_an_earlier_version_gets_light_colors_once() -> None:
    svg = add_light_theme(EARLIER)

    assert svg.startswith(EARLIER.removesuffix(b"</svg>")) and svg.endswith(b"</style></svg>")
    assert b"@media (prefers-color-scheme: light){" in svg
    assert b'[style*="fill: #171b21"]{fill:#ffffff!important}' in svg
    assert add_light_theme(svg) == svg, "Files of this release have their light colors."


def test_what_is_no_svg_stays_as_it_is() -> None:
    assert add_light_theme(b"not an image") == b"not an image"
