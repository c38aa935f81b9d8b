"""What a product asks for: costs, bands, routing and queue rank; its stations and part ids."""
