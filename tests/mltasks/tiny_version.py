"""A version of some hundred kilobytes that scores: the session's with another graph, for tests that copy whole ones."""

from __future__ import annotations

import os

import openvino
import openvino.opset13 as ops

from mltasks.models import ModelVersion
from mltasks.vision.serving import bundle
from tests.tiny_model import PLAIN_CONFIG

LARGE_FILES = ("model.safetensors", "serving.xml", "serving.bin")


def shrink(version: ModelVersion) -> ModelVersion:
    """Give the version's directory a graph that scores an image by its mean, and a few bytes for its weights."""
    for name in LARGE_FILES:
        (version.path / name).unlink()
    # Links to the session's files, which nothing here may change.
    (version.path / bundle.MANIFEST).unlink()
    (version.path / "model.safetensors").write_bytes(os.urandom(100))
    openvino.save_model(_graph(), version.path / bundle.GRAPH)
    bundle.write_json(version.path / bundle.MANIFEST, bundle.file_hashes(version.path))
    version.sha256 = bundle.digest(version.path)
    version.save()
    return version


def _graph() -> openvino.Model:
    image = ops.parameter([1, PLAIN_CONFIG.height, PLAIN_CONFIG.width, 3], name="image", dtype=openvino.Type.u8)
    pixels = ops.divide(ops.convert(image, "f32"), ops.constant(255.0, dtype=openvino.Type.f32))
    mean = ops.reduce_mean(pixels, [1, 2, 3])
    plane = ops.reduce_mean(pixels, [3])
    point = ops.broadcast(ops.unsqueeze(mean, ops.constant(1)), ops.constant([1, 256]))
    return openvino.Model([*([mean] * 2), *([plane] * 2), *([mean] * 2), point], [image], "tiny")
