"""REST API of stations and clients."""
