"""Which languages the pages speak: English, those translated below ``locale/``, and the installation's own."""

from __future__ import annotations

from pathlib import Path

from django.conf.locale import LANG_INFO

from webapp.config.environment import Environment

ENGLISH = "en-us"


def configured_language(env: Environment, folder: Path) -> str:
    """The installation's language, LANGUAGE_CODE; English, and a problem in words, for one that nobody knows."""
    code = env.text("LANGUAGE_CODE", ENGLISH).lower().replace("_", "-")
    # A region that has no texts of its own takes those of its language: de-at as de.
    if (
        code in translated_languages(folder)
        or code in LANG_INFO
        or (code.isascii() and code.partition("-")[0] in LANG_INFO)
    ):
        return code
    env.problems.append(f"LANGUAGE_CODE is {code!r}; it must be a language's code, such as en-us, de or pt-br.")
    return ENGLISH


def available_languages(own: str, folder: Path) -> list[tuple[str, str]]:
    """Code and name of every language that a browser can ask for. Django's own texts exist in a hundred more, which
    would mix with our English ones."""
    codes = {"en", own if own != ENGLISH else "en", *translated_languages(folder)}
    return [(code, _language_name(code)) for code in sorted(codes)]


def translated_languages(folder: Path) -> list[str]:
    """Codes of the languages that have a compiled translation: ``pt-br`` for ``pt_BR/LC_MESSAGES/django.mo``."""
    return sorted(file.parents[1].name.replace("_", "-").lower() for file in folder.glob("*/LC_MESSAGES/django.mo"))


def _language_name(code: str) -> str:
    known = LANG_INFO.get(code) or LANG_INFO.get(code.partition("-")[0]) or {}
    return str(known.get("name_local", code))
