"""Fast paths of a screening network that tests draw themselves: the logit is the image's mean gray level."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import openvino
import openvino.opset13 as ops
from django.conf import settings

from inspection.models import FastPath, Product
from inspection.products.bands import fast_path_policy
from mltasks.models import ModelVersion
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.screening_certificate import HeldOutLogits, ScreeningTerms, certify
from mltasks.vision.serving import bundle
from tests.tiny_model import PLAIN_CONFIG

PASSES_ALL, PASSES_NONE = 256.0, 0.0
SIZE = {"height": PLAIN_CONFIG.height, "width": PLAIN_CONFIG.width}


def add_fast_path(product: Product, version: ModelVersion, line: float = PASSES_ALL) -> FastPath:
    """Give the product a fast path that passes images darker than ``line``."""
    terms = ScreeningTerms(product.leak_guarantee, EscapeRateGuarantee(rate=1), "none", 0)
    certificate = replace(certify(HeldOutLogits([line] * 299, []), terms), line=line)
    meta = {
        "input": SIZE,
        "certificate": certificate.to_json(),
        "policy": fast_path_policy(product, version),
        "answered": {"value": 0.8, "low": 0.7, "high": 0.9, "parts": 600},
        "gflop": {"screening": 0.3, "full": 4.3},
        "milliseconds": {"screening": 7.0, "full": 70.0},
        "images": {"all": 1000, "learning": 400, "held_out": 600, "not_passed": 400},
    }
    name = f"{product.slug}/fast-path-{version.number}-{secrets.token_hex(4)}"

    def fill(draft: Path) -> None:
        openvino.save_model(_graph(), draft / bundle.GRAPH)
        bundle.write_json(draft / bundle.META, meta)

    sha256 = bundle.write_atomic(Path(settings.VERSIONS_DIR) / name, fill)
    learned = FastPath.objects.create(product=product, version=version, bundle=name, sha256=sha256, meta=meta)
    product.fast_path, product.fast_path_enabled = learned, True
    product.save()
    return learned


def _graph() -> openvino.Model:
    image = ops.parameter([1, *SIZE.values(), 3], name="image", dtype=openvino.Type.u8)
    return openvino.Model([ops.reduce_mean(ops.convert(image, "f32"), [1, 2, 3])], [image], "gray level")
