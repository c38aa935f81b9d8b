"""Dataset snapshots: freeze a labeled set, its manifest, and what each version was trained on."""
