"""Dashboard page, its metrics, and the layout context of every page."""
