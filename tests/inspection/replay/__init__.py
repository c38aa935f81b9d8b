"""A candidate beside the champion: replays, challengers, the gate and the record."""
