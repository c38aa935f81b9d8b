"""Routes of the whole site, read from the URL resolver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One address of the site; ``name`` is its URL name, or its pattern where it has none."""

    name: str
    parameters: frozenset[str]
    pattern: str


def all_routes() -> dict[str, Route]:
    """Return every route by its name."""
    return {route.name: route for route in _below(get_resolver("webapp.urls"), "", "")}


def _below(resolver: URLResolver, path: str, namespace: str) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = path + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _below(entry, pattern, f"{entry.namespace}:" if entry.namespace else namespace)
        else:
            yield _route(entry, pattern, namespace)


def _route(entry: URLPattern, pattern: str, namespace: str) -> Route:
    name = namespace + entry.name if entry.name else pattern
    return Route(name, frozenset(entry.pattern.regex.groupindex), pattern)
