"""docs/pages.md: each page with a sentence and both its pictures."""

from __future__ import annotations

from pathlib import Path

from tests.pictures.pages import PAGES, Page

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "docs" / "img" / "pages"
GALLERY = REPOSITORY / "docs" / "pages.md"
_HEAD = """# The pages

Each page on a desktop of 1280 × 800 and on a phone of 390 × 844. `make screenshots` takes them all, from a plant of its
own: drawn parts, people who review them, and versions that really learned. Text and pictures come from
[tests/pictures/pages.py](../tests/pictures/pages.py).
"""


def gallery_text() -> str:
    """The gallery of all pages that were photographed."""
    return "\n".join([_HEAD, *(_entry(page) for page in PAGES if _files(page)[0].exists())])


def _entry(page: Page) -> str:
    words = page.name.replace("-", " ").capitalize()
    desktop, phone = (f"img/pages/{file.name}" for file in _files(page))
    return f"""## {words}

{page.good_for}

<table><tr>
<td><img src="{desktop}" alt="{words}, on a desktop" width="660"></td>
<td><img src="{phone}" alt="{words}, on a phone" width="200"></td>
</tr></table>
"""


def _files(page: Page) -> list[Path]:
    return [FOLDER / f"{page.name}-{size}.png" for size in ("desktop", "phone")]
