"""Operating point of a version: calibration, fusion and detector ensemble."""
