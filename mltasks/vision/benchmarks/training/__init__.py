"""Seconds to the same average precision: ours, and the loop that the project grew from."""
