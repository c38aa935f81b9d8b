"""Languages of the pages: English, those translated below ``locale/``, and LANGUAGE_CODE."""

from __future__ import annotations

from pathlib import Path

from django.conf.locale import LANG_INFO

from webapp.config.environment import Environment

ENGLISH = "en-us"


def configured_language(env: Environment, folder: Path) -> str:
    """Return the installation's language LANGUAGE_CODE; English and a problem if it is unknown."""
    code = env.text("LANGUAGE_CODE", ENGLISH).lower().replace("_", "-")
    # A region without texts of its own uses those of its language: de-at uses de.
    if (
        code in translated_languages(folder)
        or code in LANG_INFO
        or (code.isascii() and code.partition("-")[0] in LANG_INFO)
    ):
        return code
    env.problems.append(f"LANGUAGE_CODE is {code!r}; it must be a language's code, such as en-us, de or pt-br.")
    return ENGLISH


def available_languages(own: str, folder: Path) -> list[tuple[str, str]]:
    """Return code and name of every language that a browser can request.

    Django has its own texts in a hundred more languages, which would mix with our English texts.
    """
    codes = {"en", own if own != ENGLISH else "en", *translated_languages(folder)}
    return [(code, _language_name(code)) for code in sorted(codes)]


def translated_languages(folder: Path) -> list[str]:
    """Return the codes of compiled translations, ``pt-br`` for ``pt_BR/LC_MESSAGES/django.mo``."""
    return sorted(file.parents[1].name.replace("_", "-").lower() for file in folder.glob("*/LC_MESSAGES/django.mo"))


def _language_name(code: str) -> str:
    language = LANG_INFO.get(code) or LANG_INFO.get(code.partition("-")[0]) or {}
    return str(language.get("name_local", code))
