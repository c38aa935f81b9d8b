"""Operating point of a version: calibration, score fusion and detector ensemble, fitted on held-out parts."""
