"""Makes the backbone that ships: a ResNet18 distilled from a packaged teacher on images that our own code draws."""
