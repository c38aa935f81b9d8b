"""URL routes: pattern, name and allowed methods, from Django's resolver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

BY_DECORATOR = "request_method_list"  # the variable in which Django's `require_http_methods` holds its methods


def routes() -> Iterator[str]:
    """Yield ``pattern name=NAME methods=GET,POST`` for every route.

    The methods are blank where the view does not declare them.
    """
    yield from _below(get_resolver(), "/", "")


def _below(resolver: URLResolver, path: str, namespace: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        pattern = path + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _below(entry, pattern, inner)
        else:
            yield _route(entry, pattern, namespace)


def _route(entry: URLPattern, pattern: str, namespace: str) -> str:
    name = namespace + entry.name if entry.name else ""
    return f"{pattern} name={name} methods={','.join(sorted(_methods(entry.callback)))}"


def _methods(view: Callable[..., Any]) -> set[str]:
    """Return the handlers of a class, or what the decorators of a function allow."""
    shown: type | None = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if shown is None:
        return _allowed_by_decorators(view)
    names = getattr(view, "view_initkwargs", {}).get("http_method_names") or getattr(shown, "http_method_names", ())
    actions = getattr(view, "actions", None) or {}
    return {name.upper() for name in names if name in actions or hasattr(shown, name)}


def _allowed_by_decorators(view: Any) -> set[str]:
    allowed: set[str] | None = None
    while view is not None:
        free = getattr(getattr(view, "__code__", None), "co_freevars", ())
        if BY_DECORATOR in free:
            declared = set(view.__closure__[free.index(BY_DECORATOR)].cell_contents)
            allowed = declared if allowed is None else allowed & declared
        view = getattr(view, "__wrapped__", None)
    return allowed or set()
