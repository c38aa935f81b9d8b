"""Pages of replays, challengers and the audit log."""
