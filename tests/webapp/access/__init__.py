"""Access to every route: who gets which answer, as tables, and the test that asks."""
