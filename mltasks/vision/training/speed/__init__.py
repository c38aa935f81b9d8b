"""Fitting of a version to a speed: input size and scores within a time budget."""
