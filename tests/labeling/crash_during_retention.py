"""Process that prunes and is killed once the rows are gone: ``python -m tests.labeling.crash_during_retention``."""

from __future__ import annotations

import os

from tests.inspection.crashing import die


def main() -> None:
    """Prune what is older than three months, dying before the first file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    import django

    django.setup()
    from inspection.images import image_removal
    from inspection.models import Product
    from tests.labeling.old_parts import prune_all

    image_removal.remove_unreferenced = die
    prune_all(Product.objects.get())


if __name__ == "__main__":
    main()
