"""No page of ours is missing among those on which accessibility, width and weight are checked."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

from tests.pages.every_page import ADDRESSES, NO_PAGES, NO_PAGES_BELOW


def names(resolver: URLResolver) -> Iterator[str]:
    """The names of all addresses below, or the address itself where it has none."""
    for one in resolver.url_patterns:
        if isinstance(one, URLPattern):
            yield one.name or str(one.pattern)
        elif str(one.pattern) not in NO_PAGES_BELOW:
            yield from names(one)


def test_every_page_is_checked_or_told_why_not() -> None:
    checked = {name.partition(":")[0] for name in ADDRESSES}
    assert sorted(set(names(get_resolver("webapp.urls"))) - checked - set(NO_PAGES)) == []


def test_nothing_is_checked_or_excused_that_is_not_there() -> None:
    there = set(names(get_resolver("webapp.urls")))
    assert sorted({name.partition(":")[0] for name in ADDRESSES} - there) == []
    assert sorted(set(NO_PAGES) - there) == []
    assert not set(NO_PAGES) & {name.partition(":")[0] for name in ADDRESSES}
