"""Images drawn by our own code from a seed: the demo's parts, and images to distill on."""
