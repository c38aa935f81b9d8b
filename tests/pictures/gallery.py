"""docs/pages.md: each page with a sentence and both its pictures."""

from __future__ import annotations

from pathlib import Path

from tests.pictures.pages import PAGES, Page

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "docs" / "img" / "pages"
GALLERY = REPOSITORY / "docs" / "pages.md"
_HEAD = """# Pages

Each page on a desktop of 1280 × 800 px and on a phone of 390 × 844 px. `make screenshots` takes all pictures from a
temporary plant with drawn parts, scripted reviews and trained versions. The texts are in
[tests/pictures/pages.py](../tests/pictures/pages.py).
"""


def gallery_text() -> str:
    """The gallery of all pages that were photographed."""
    return "\n".join([_HEAD, *(_entry(page) for page in PAGES if _files(page)[0].exists())])


def _entry(page: Page) -> str:
    title = page.name.replace("-", " ").capitalize()
    desktop, phone = (f"img/pages/{file.name}" for file in _files(page))
    return f"""## {title}

{page.good_for}

<table><tr>
<td><img src="{desktop}" alt="{title}, on a desktop" width="660"></td>
<td><img src="{phone}" alt="{title}, on a phone" width="200"></td>
</tr></table>
"""


def _files(page: Page) -> list[Path]:
    return [FOLDER / f"{page.name}-{size}.png" for size in ("desktop", "phone")]
