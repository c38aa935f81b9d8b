"""Dataset snapshots: freezing, manifest, contents and training exposure of versions."""
