"""HTTP server: worker, channel, middleware, error pages and static files."""
