"""Products: costs, bands, routing, queue rank, stations and part ids."""
