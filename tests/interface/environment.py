"""Environment variables and settings: names, limits, and the values of an empty environment."""

from __future__ import annotations

import ast
import os
import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.interface.source import nodes, own_apps

NAME = re.compile(r"(?!HTTP_)[A-Z][A-Z0-9_]+")  # HTTP_… are headers, in a dictionary of the same name
NO_SETTINGS = {"SECRET_KEY", "SELF", "NONE"}  # made up at the first start; imported constants
READER = re.compile(r"_?env\w*")  # the name of the object that is asked: env, _env, environ, environment


def example() -> dict[str, str]:
    """Return the variables of ``.env.example`` with the values shown there."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", _text(".env.example"), re.MULTILINE))


def variables() -> Iterator[str]:
    """Yield variables as the example file, the Compose file and the code name them."""
    yield from (f"example {name}={value}" for name, value in example().items())
    compose = re.findall(r"\$\{([A-Z][A-Z0-9_]*)(?:(:?[-?])([^}]*))?\}", _text("docker-compose.yml"))
    yield from (f"compose {name}{how}{'' if '?' in how else default}" for name, how, default in compose)
    for node in nodes():
        if isinstance(node, ast.Call) and node.args and _is_reader(node.func):
            name, *others = node.args
            if isinstance(name, ast.Constant) and NAME.fullmatch(str(name.value)):
                yield " ".join(["read", name.value, *map(_static, others)])


def _is_reader(function: ast.expr) -> bool:
    """Return True for ``env.text``, ``os.environ.get`` and their kind."""
    owner = function.value if isinstance(function, ast.Attribute) else None
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return READER.fullmatch(name) is not None


def _static(node: ast.expr) -> str:
    """Return the value of an expression of constants, and an ellipsis for what is computed."""
    if any(isinstance(one, ast.Name | ast.Call | ast.Attribute | ast.JoinedStr) for one in ast.walk(node)):
        return "…"
    return repr(eval(compile(ast.Expression(node), "constants", "eval")))  # noqa: S307 (constants only)


def default_settings(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the settings that are single values or lists, as an empty environment gives them.

    The settings are read as on one core, with ``folder`` as VAR. Settings that name modules of the project are left
    out: modules move.
    """
    for name in example():
        patch.setenv(name, "")
    patch.setenv("VAR", str(folder))
    patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    ours = re.compile(rf"\b({'|'.join(config.name for config in own_apps())})\.")
    module = sys.modules[os.environ["DJANGO_SETTINGS_MODULE"]]
    for name, value in runpy.run_path(str(module.__file__)).items():
        shown = repr(_plain(value)).replace(str(folder), "<VAR>").replace(str(settings.BASE_DIR), "<BASE>")
        if NAME.fullmatch(name) and name not in NO_SETTINGS and _is_flat(value) and not ours.search(shown):
            yield f"{name} = {shown}"


def _is_flat(value: Any) -> bool:
    parts = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(part, str | int | float | bool | Path | None) for part in parts)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _text(name: str) -> str:
    return (Path(settings.BASE_DIR) / name).read_text(encoding="utf-8")
