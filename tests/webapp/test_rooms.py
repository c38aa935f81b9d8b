"""Rooms: packages stay small, names stand for one thing, and no two files import each other."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ("mltasks", "inspection", "labeling", "webapp")
MOST_MODULES = 14
# Packages in which a module may have the name of the same noun elsewhere: models/rechecks.py, admin/rechecks.py
SAME_NOUN = {"models", "api", "web", "admin", "benchmarks", "commands"}
# Names that Django, Celery and the floors' own refusals fix
FIXED = {"__init__", "__main__", "apps", "tasks", "urls", "refusals"}


def modules() -> Iterator[Path]:
    """Yield the modules of production code, without migrations, relative to the checkout."""
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT)


def test_no_package_has_more_than_fourteen_modules() -> None:
    count = Counter(path.parent for path in modules() if path.stem not in ("__init__", "__main__"))
    assert {str(package): number for package, number in count.items() if number > MOST_MODULES} == {}


def test_a_module_name_stands_for_one_thing() -> None:
    places = defaultdict(list)
    for path in modules():
        if path.stem not in FIXED and not SAME_NOUN & set(path.parts):
            places[path.stem].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_function_is_named_of() -> None:
    functions = (
        (path, node)
        for path in modules()
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert [f"{path}:{node.lineno}" for path, node in functions if node.name == "of"] == []


def test_no_files_import_each_other_in_a_circle() -> None:
    names = {_dotted(path): path for path in modules()}
    graph = {path: set(_imports(path, names)) - {path} for path in names.values()}
    assert sum(map(len, graph.values())) > 1000, "This test looks at nothing."
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(map(str, error.args[1]))) from None


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, names: dict[str, Path]) -> Iterator[Path]:
    """Yield the files that a file imports from, at its top, late, or for types alone."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (names[alias.name] for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                target = names.get(f"{node.module}.{alias.name}") or names.get(node.module)
                if target is not None:
                    yield target
