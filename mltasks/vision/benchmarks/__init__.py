"""Protocols that measure the whole recipe on folders of real parts, ours beside the one the project grew from."""
