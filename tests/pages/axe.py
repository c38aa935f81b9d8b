"""What axe-core finds on a page as it is now, in both themes, wide and narrow."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser import DESKTOP, PHONE

SERIOUS_IMPACTS = ("serious", "critical")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Off by default in axe 4, though WCAG 2.2 AA asks for it.
_RULES = {"target-size": {"enabled": True}}
# All that can change with the theme alone.
_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
_EVERYTHING = {"runOnly": TAGS, "rules": _RULES}
_RUN = "options => axe.run(document, {...options, resultTypes: ['violations'], elementRef: false})"


def violations(page: Page) -> list[str]:
    """Serious and critical findings, each with where and on what. The page is loaded once for all of them.

    All rules of WCAG 2.2 AA in the dark theme, wide and narrow; in the light one those about colours.
    """
    found: list[str] = []
    before = page.viewport_size or DESKTOP
    page.evaluate(Axe().axe_script)
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for theme, options in (("light", _COLOURS), ("dark", _EVERYTHING)):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            violations = page.evaluate(_RUN, options)["violations"]
            found += [
                f"{size['width']} px, {theme}: {_describe(one)}"
                for one in violations
                if one["impact"] in SERIOUS_IMPACTS
            ]
    page.set_viewport_size(before)
    return found


def _describe(violation: dict[str, Any]) -> str:
    nodes = [f"{node['html'][:160]} ({node['failureSummary'][:200]})" for node in violation["nodes"][:3]]
    return f"{violation['id']}, {len(violation['nodes'])} times: {nodes}"
