"""Fast path of the benchmark's product: learned from drawn parts that nobody posts, switched between the loads."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mltasks.vision.benchmarks.printing import PrintLine
from webapp.benchmarks.serving import parts
from webapp.benchmarks.serving.ours import PRODUCT, RunningSite

NAME = "fast path"
# Seconds until a worker must have scored all parts that the fast path passed.
SCORING_SECONDS = 600.0


def learn(say: PrintLine) -> None:
    """Learn the product's fast path; beside it the product promises no escape rate, which needs hundreds of labels.

    Raises FastPathRefused, for instance if the fast path would save nothing.
    """
    from inspection.fast_path import learning
    from inspection.models import Product
    from inspection.products import products
    from labeling.folder_import.label_import import import_images

    product = Product.objects.select_related("registered_model").get(slug=PRODUCT)
    product.fast_path_enabled, product.escape_promise = True, 1.0
    products.change(product, by=None, reason="Benchmark of the fast path.")
    say("learning a fast path ...")
    with tempfile.TemporaryDirectory(prefix="sl-bench-") as name:
        parts.write_fast_path_set(Path(name))
        import_images(product, Path(name))
    learned = learning.learn(product)
    _switch(on=False)
    certificate, answered = learned.certificate, learned.meta["answered"]
    say(
        f"fast path: {answered['value']:.1%} of {answered['parts']} held-out parts passed alone; of "
        f"{certificate.not_passed} that the full model does not pass {certificate.leaks}, with 95 % confidence at most "
        f"{certificate.leak_bound:.2%}"
    )


@contextmanager
def switched_on(site: RunningSite) -> Iterator[RunningSite]:
    """Switch the fast path on during the block; then wait until a worker has scored what it passed.

    The next load thus has the machine for itself. Raises TimeoutError.
    """
    from inspection.models import Inspection

    name, site.name = site.name, NAME
    _switch(on=True)
    try:
        yield site
    finally:
        site.name = name
        _switch(on=False)
    end = time.monotonic() + SCORING_SECONDS
    while Inspection.objects.scoring_deferred().exists():
        if time.monotonic() > end:
            raise TimeoutError("The parts that the fast path passed were not scored by the full model.")
        time.sleep(0.5)


def _switch(*, on: bool) -> None:
    from inspection.models import Product
    from inspection.products import products

    product = Product.objects.get(slug=PRODUCT)
    if product.fast_path_enabled != on:
        product.fast_path_enabled = on
        products.change(product, by=None, reason="Benchmark of the fast path.")
