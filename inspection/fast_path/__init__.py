"""Fast path of a product: learning from stored parts, and the evidence that its certificate still holds."""
