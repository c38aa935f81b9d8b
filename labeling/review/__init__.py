"""Review steps: resolve, correct, undo and skip; blinding and reference parts."""
