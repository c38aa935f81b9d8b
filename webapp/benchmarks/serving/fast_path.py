"""Fast path of the benchmark's product: learned from drawn parts that nobody posts, switched between the loads."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mltasks.vision.benchmarks.printing import PrintLine
from mltasks.vision.guarantees.screening_certificate import Certificate
from webapp.benchmarks.serving import parts
from webapp.benchmarks.serving.ours import PRODUCT, RunningSite

if TYPE_CHECKING:
    from inspection.models import FastPath, Product

NAME = "fast path"
# Largest share of the parts that the full model does not pass. Most of these are good parts in review: on a line with
# so few defects, the default of 1 % leaves too few parts to the fast path.
LEAK_SHARE = 0.05
# Seconds until a worker must have scored all parts that the fast path passed.
SCORING_SECONDS = 600.0


def prepare(say: PrintLine) -> None:
    """Learn the product's fast path unless an earlier run did, leave it off, and say what it shows.

    Raises FastPathRefused, for instance if the fast path would save nothing.
    """
    from inspection.models import Product

    product = Product.objects.select_related("registered_model", "fast_path").get(slug=PRODUCT)
    learned = product.fast_path or _learn(product, say)
    _switch(on=False)
    certificate, answered = Certificate.from_json(learned.meta["certificate"]), learned.meta["answered"]
    say(
        f"fast path: {answered['value']:.1%} of {answered['parts']} held-out parts passed alone; of "
        f"{certificate.not_passed} that the full model does not pass {certificate.leaks}, with 95 % confidence at most "
        f"{certificate.leak_bound:.2%}"
    )


def _learn(product: Product, say: PrintLine) -> FastPath:
    """Learn from drawn parts, for a product that promises no escape rate, which would need hundreds of labels."""
    from inspection.fast_path import learning
    from inspection.products import products
    from labeling.folder_import.label_import import import_images

    product.fast_path_enabled, product.fast_path_leak, product.escape_promise = True, LEAK_SHARE, 1.0
    products.change(product, by=None, reason="Benchmark of the fast path.")
    say("learning a fast path ...")
    with tempfile.TemporaryDirectory(prefix="sl-bench-") as name:
        parts.write_fast_path_set(Path(name))
        import_images(product, Path(name))
    return learning.learn(product)


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
