"""A pseudo-language: every English text in ⟦full-width letters⟧, so that a text nobody marked stands out on a page."""

from __future__ import annotations

import contextlib
import gettext
import json
import re
import shutil
import string
import subprocess
from html.parser import HTMLParser
from pathlib import Path

from django.core.management import call_command
from django.test import override_settings

ROOT = Path(__file__).resolve().parent.parent
CODE = "xx"
TOOLS = ("xgettext", "msgmerge", "msguniq", "msgen", "msgfmt")
FULL_WIDTH = str.maketrans(string.ascii_letters, "".join(chr(ord(letter) + 0xFEE0) for letter in string.ascii_letters))
# Placeholders, tags and entities stay as they are.
PLACEHOLDERS = re.compile(r"(%\(\w+\)[sd]|\{[^{}]*\}|<[^<>]*>|&\w+;)")
SHOWN = ("title", "aria-label", "alt", "placeholder")
# What is inside is typed or run, not read.
UNREAD = {"script", "style", "pre", "code", "kbd"}
WORD = re.compile(r"[A-Za-z][A-Za-z'’]+")
HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n'


def pseudolocalize(text: str) -> str:
    """The text in full-width letters between brackets."""
    pieces = PLACEHOLDERS.split(text)
    return f"⟦{''.join(piece if number % 2 else piece.translate(FULL_WIDTH) for number, piece in enumerate(pieces))}⟧"


def make_catalogue(folder: Path) -> Path:
    """Extract all texts of the project and compile their pseudo-translation below ``folder``; the folder for
    LOCALE_PATHS. The sources are copied first: makemessages writes beside them."""
    sources, locale = folder / "sources", folder / "locale"
    leave = shutil.ignore_patterns("static", "weights", "migrations", "__pycache__")
    for name in ("inspection", "labeling", "mltasks", "templates", "webapp"):
        shutil.copytree(ROOT / name, sources / name, ignore=leave)
    locale.mkdir()
    with contextlib.chdir(sources), override_settings(LOCALE_PATHS=[locale]):
        call_command("makemessages", locale=["de"], verbosity=0)  # a language whose plural forms Django knows
    english = folder / "english.mo"
    found = locale / "de" / "LC_MESSAGES" / "django.po"
    filled = subprocess.run(["msgen", found], check=True, capture_output=True)
    subprocess.run(["msgfmt", "--use-fuzzy", "--output-file", english, "-"], input=filled.stdout, check=True)
    compiled = locale / CODE / "LC_MESSAGES" / "django.mo"
    compiled.parent.mkdir(parents=True)
    subprocess.run(["msgfmt", "--output-file", compiled, "-"], input=_translated(english).encode(), check=True)
    shutil.rmtree(locale / "de")
    return locale


def _translated(english: Path) -> str:
    with english.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    entries = [HEADER]
    for key, text in catalogue.items():
        if isinstance(key, str) and key:
            entries.append(f"msgid {_quoted(key)}\nmsgstr {_quoted(pseudolocalize(text))}\n")
        elif isinstance(key, tuple) and key[1] == 0:
            many = catalogue[key[0], 1]
            forms = f"msgstr[0] {_quoted(pseudolocalize(text))}\nmsgstr[1] {_quoted(pseudolocalize(many))}\n"
            entries.append(f"msgid {_quoted(text)}\nmsgid_plural {_quoted(many)}\n{forms}")
    return "\n".join(entries)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class ShownText(HTMLParser):
    """Collects what a page shows or reads aloud: text, and the attributes in words."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in UNREAD
        self.texts += [value for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in UNREAD

    def handle_data(self, data: str) -> None:
        if not self._unread and data.strip():
            self.texts.append(" ".join(data.split()))


def shown_texts(page: str) -> list[str]:
    """All texts of a page, attributes included."""
    parser = ShownText()
    parser.feed(page)
    return parser.texts
