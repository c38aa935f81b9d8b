"""Registry of versions: champion, promotion, rollback, the gate, and the loaded scorers."""
