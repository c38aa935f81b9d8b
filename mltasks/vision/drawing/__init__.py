"""Images drawn by our own code, from a seed: the demo's parts, and the pictures that backbones are distilled on."""
