"""Disjoint sets (union-find) of images or parts."""

from __future__ import annotations

from typing import Generic, TypeVar

Name = TypeVar("Name")


class DisjointSets(Generic[Name]):
    """Disjoint sets of names (union-find), each represented by one of its names."""

    def __init__(self) -> None:
        self._parent: dict[Name, Name] = {}

    def find(self, name: Name) -> Name:
        """Return the representative of the set of ``name``; a new name is a set of its own."""
        self._parent.setdefault(name, name)
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, first: Name, second: Name) -> None:
        """Join the sets represented by these names; ``first`` represents the joined set."""
        self._parent[second] = first
