"""What can go wrong with files that a store keeps for several machines."""

from __future__ import annotations


class StoreUnreachable(RuntimeError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """The store can't be reached or refuses this machine. Nothing was changed; the same can be tried again."""


class StoredFileDamaged(FileNotFoundError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """There is a file of that name and it is not the one that was stored: as good as none."""
