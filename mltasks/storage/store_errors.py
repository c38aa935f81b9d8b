"""Errors of a file store that several machines share."""

from __future__ import annotations


class StoreUnreachable(RuntimeError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """The store can't be reached or refuses this machine; nothing was changed, so try again."""


class StoredFileDamaged(FileNotFoundError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """The stored file's content is not what was stored, so the file counts as missing."""
