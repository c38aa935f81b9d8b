"""Management commands of the project's apps with their arguments, without help texts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from tests.interface.source import own_apps


def commands() -> Iterator[str]:
    """Yield a line for each command and for each argument; the app is left out."""
    ours = {config.name for config in own_apps()}
    for name, app in get_commands().items():
        if app in ours:
            yield name
            parser = load_command_class(app, name).create_parser("manage.py", name)
            yield from (f"{name} {_argument(action)}" for action in parser._actions if not _of_every_command(action))


def _of_every_command(action: argparse.Action) -> bool:
    """Return True for an argument that Django adds to every command."""
    return bool(action.option_strings) and set(action.option_strings) <= _COMMON


def _argument(action: argparse.Action) -> str:
    if not action.option_strings:
        name = action.dest
    else:
        name = "/".join(sorted(action.option_strings)) + (" flag" if action.nargs == 0 else "")
    choices = f" choices={','.join(map(str, action.choices))}" if action.choices else ""
    values = f" nargs={action.nargs}" if action.nargs else ""
    required = " required" if action.required else f" default={action.default!r}"
    return f"{name}{values}{choices}{required}"


_COMMON = {
    option for action in BaseCommand().create_parser("manage.py", "any")._actions for option in action.option_strings
}
