"""Features of a run's images, computed once, and the known places of their defects."""
