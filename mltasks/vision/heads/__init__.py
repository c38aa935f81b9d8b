"""Classifier heads and novelty detectors on the frozen trunk's feature maps."""
