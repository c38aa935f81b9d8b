"""Training of heads and detectors: feature bank, folds, out-of-fold predictions and progress."""
