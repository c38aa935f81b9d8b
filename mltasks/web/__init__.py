"""Pages of models, versions and runs."""
