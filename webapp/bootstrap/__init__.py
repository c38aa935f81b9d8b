"""First start: groups, first admin and demo."""
