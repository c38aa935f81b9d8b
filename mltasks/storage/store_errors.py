"""Errors of a file store that several machines share."""

from __future__ import annotations


class StoreUnreachable(RuntimeError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Error of a store that is unreachable or refuses this machine; nothing changed, try again."""


class StoredFileDamaged(FileNotFoundError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Error for a stored file whose content differs from what was stored; it counts as missing."""
