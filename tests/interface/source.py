"""Constants in the source that stored data, clients and operators rely on.

The constants are found by syntax, whichever module holds them: modules move.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import AppConfig, apps
from django.conf import settings

CHECK_ID = re.compile(r"[a-z]+\.[CDEIW]\d{3}")
# Last words of constants that number a form or a recipe: another number means another form
NUMBERS = {"FORMAT", "RECIPE", "REVISION"}
CODE = re.compile(r"(\{\}_)?[a-z]+(_[a-z]+)*")
CLASS = re.compile(r"[A-Z][a-z]\w*")
WORDS = re.compile(r"[\w{}:, ]+\n?")  # a form with other characters is a page or a request, and is not hashed
ERRORS = range(400, 600)


def own_apps() -> list[AppConfig]:
    """Return the project's own apps: those that lie in its folder."""
    base = Path(settings.BASE_DIR)
    return [config for config in apps.get_app_configs() if Path(config.path).parent == base]


@functools.cache
def nodes() -> tuple[ast.AST, ...]:
    """Return every syntax node of the production code, migrations left out."""
    files = {
        path for config in own_apps() for path in Path(config.path).rglob("*.py") if "migrations" not in path.parts
    }
    return tuple(node for path in sorted(files) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def seed_purposes() -> Iterator[str]:
    """Yield the purposes given to ``derive_seed``: text, ``{}`` for a value, ``*`` for several."""
    for node in nodes():
        if isinstance(node, ast.Call) and _called(node) == "derive_seed":
            yield ":".join(map(_pattern, node.args[1:]))


def hashed_texts() -> Iterator[str]:
    """Yield the forms of texts that become bytes, and prefixes of bytes, as hashes take them."""
    for node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "encode":
            form = _pattern(node.func.value) if isinstance(node.func.value, ast.JoinedStr) else ""
            if WORDS.fullmatch(form):
                yield f"text {form!r}"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from (f"bytes {prefix!r}" for prefix in map(_bytes, (node.left, node.right)) if prefix.endswith(":"))


def numbers() -> Iterator[str]:
    """Yield the numbers of forms and recipes."""
    for node in nodes():
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and type(node.value.value) is int:
            words = {name.rsplit("_")[-1] for name in _names(node)}
            yield from (f"{word} {node.value.value}" for word in words & NUMBERS)


def check_ids() -> Iterator[str]:
    """Yield the ids of the project's system checks."""
    ours = {config.label for config in own_apps()}
    for text in filter(CHECK_ID.fullmatch, map(_text, nodes())):
        if text.split(".")[0] in ours:
            yield text


def error_codes() -> Iterator[str]:
    """Yield error codes: declared, passed or answered as ``code``, or in a table of codes.

    A code that has a status, beside it in the class or in the table, comes once more with that status.
    """
    for node in nodes():
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.keyword) and _names(node) & {"code", "default_code"}:
            yield from _codes(node.value)
        elif isinstance(node, ast.Dict):
            yield from _table(node)
        elif isinstance(node, ast.ClassDef):
            own = {
                name: _pattern(one.value) for one in node.body if isinstance(one, ast.Assign) for name in _names(one)
            }
            if own.keys() >= {"code", "status"}:
                yield f"{own['code']} {own['status']}"


def _table(node: ast.Dict) -> Iterator[str]:
    """Yield codes with statuses, codes of exception classes, and the ``code`` of an answer."""
    values = [one.value if isinstance(one, ast.Constant) else None for one in node.values]
    if all(type(value) is int and value in ERRORS for value in values):
        yield from (f"{_text(key)} {value}" for key, value in zip(node.keys, values, strict=True))
    for key, value in zip(node.keys, node.values, strict=True):
        if _text(key) == "code" or CLASS.fullmatch(_last(key)):
            yield from _codes(value)


def _codes(node: ast.AST | None) -> Iterator[str]:
    chosen = [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]
    yield from (form for form in map(_pattern, chosen) if CODE.fullmatch(form))


def _names(node: ast.Assign | ast.AnnAssign | ast.keyword) -> set[str]:
    """Return the names that get the value."""
    if isinstance(node, ast.keyword):
        return {node.arg or ""}
    return {_last(target) for target in (node.targets if isinstance(node, ast.Assign) else [node.target])}


def _called(node: ast.Call) -> str:
    return _last(node.func)


def _last(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _pattern(node: ast.AST | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_pattern, node.values))
    return "*" if isinstance(node, ast.Starred) else "{}"


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _bytes(node: ast.AST) -> str:
    return node.value.decode("latin-1") if isinstance(node, ast.Constant) and isinstance(node.value, bytes) else ""
