"""What replays and challengers cost: a replay's pace beside scoring alone, and a station's wait."""
