"""Names of class folders: good parts, the unnamed defect, a defect type, or leftovers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from labeling.models.type_names import fold_name
from mltasks.vision.types import GOOD_FOLDERS

UNNAMED_DEFECT_FOLDER = "bad"
# Written by file managers, network drives and archivers; compared without case. Names with a leading dot count, too.
LEFTOVER_NAMES = frozenset(
    {
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "@eadir",
        "__macosx",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    }
)
# Names of good parts in the languages of many plants; "io" is the German i.O.
_GOOD_WORD = re.compile(
    "goods?|ok|okay|pass|passed|accept|accepted|normal|flawless|gute?n?|gutteile?|io|fehlerfrei|bon|bonnes?|buenos?|"
    "buon[oi]|dobr[yýeé]|conforme?|goed|хороши[ей]|хороший|годен|годные|норма|良品?|良好|合格|正常品?|好|양품|정상|합격"
)
_NEGATION = re.compile("no|not|non|nicht|keine?|ne|sans|without|ohne|free|frei|un")
_DEFECT_WORD = re.compile("defect|defects|defective|faults?|faulty|errors?|fehler|defekte?")
_WORD = re.compile(r"[^\W\d_]+")


def is_leftover(name: str) -> bool:
    """Return True if another program left a file or folder of this name behind."""
    return name.startswith(".") or name.casefold() in LEFTOVER_NAMES


def is_good_folder(name: str, good_names: Iterable[str] = ()) -> bool:
    """Return True if the folder holds good parts, by the built-in or the ``good_names``."""
    return fold_name(name) in {fold_name(folder) for folder in (*GOOD_FOLDERS, *good_names)}


def reads_like_good(name: str) -> bool:
    """Return True if the name reads like good parts: "ok_front", "i.O.", "no_defects"."""
    spread = unicodedata.normalize("NFKC", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).casefold()
    parts = _WORD.findall(spread)
    negated = any(map(_NEGATION.fullmatch, parts))
    if any(map(_DEFECT_WORD.fullmatch, parts)):
        return negated
    return not negated and any(map(_GOOD_WORD.fullmatch, [*parts, "".join(parts)]))
