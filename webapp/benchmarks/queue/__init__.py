"""How the queue and the history hold at a million inspections: a table filled by SQL, timed, its plans read."""
