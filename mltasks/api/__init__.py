"""REST API of models and versions."""
