"""The precisions of a version: 8 bits and bfloat16 are allowed where they score as 32 bits do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset15 as opset

from mltasks.vision.export import precision
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.export.openvino_export import export_graph
from mltasks.vision.export.precision import HeldOutPart, Pixels, PrecisionReport, ScoreScales, check_precisions
from mltasks.vision.export.quantization import (
    AUX_BACKBONE,
    BACKBONE,
    MEMORIES,
    QUANTIZABLE,
    find_components,
    quantize,
)
from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.serving import bundle
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.precisions import PRECISIONS, allowed_precisions
from mltasks.vision.serving.processor import has_bfloat16
from mltasks.vision.serving.scorer import LOGIT, Scorer
from tests.vision.export.test_every_head import everything_at_once

SCALES = ScoreScales(Calibrator(1.0, 0.0), 1.0, 1.0)
# Convolutions of a ResNet18 with 64 channels or more in and out, over more than one pixel
BACKBONE_CONVOLUTIONS = 16
# Grey levels of a good and of a defective part
DARK, BRIGHT = 40, 200
NAN = float("nan")


def make_parts(*greys: int) -> list[HeldOutPart]:
    """Plain parts of 8 × 8, their logit their grey level."""
    return [HeldOutPart(np.full((8, 8, 3), grey, np.uint8), grey / 255, int(grey > 100)) for grey in greys]


def make_linear_graph(
    logit: float = 0.0, turned: float = 1.0, novelty: float = 1.0, length: float = 1.0
) -> openvino.Model:
    """A graph with a version's outputs whose logit is the grey level in [0, 1], ``turned`` and moved by ``logit``, and
    whose other scores are ``novelty``; the embedding has one number, its ``length``."""
    image = opset.parameter([1, 8, 8, 3], np.uint8, name="image")
    grey = opset.reduce_mean(opset.convert(image, np.float32), opset.constant(np.array([1, 2, 3])))
    said = opset.add(opset.multiply(grey, np.float32(turned / 255)), np.float32(logit))
    other = opset.add(opset.multiply(grey, np.float32(0)), np.float32(novelty))
    place = opset.divide(opset.add(grey, np.float32(1)), opset.add(grey, np.float32(1)))
    place = opset.multiply(place, np.float32(length))
    return openvino.Model([said, other, other, other, other, other, place], [image], "stand-in")


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """The stand-in in 32 bits, on disk."""
    openvino.save_model(make_linear_graph(), tmp_path / bundle.GRAPH, compress_to_fp16=False)
    return tmp_path / bundle.GRAPH


@pytest.fixture
def checked(graph: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[openvino.Model], PrecisionReport]:
    """A function that checks the precisions when 8 bits give a stand-in."""

    def check(narrow: openvino.Model) -> PrecisionReport:
        monkeypatch.setattr(precision, "find_components", lambda _: QUANTIZABLE)
        monkeypatch.setattr(precision, "quantize", lambda *_, **__: narrow)
        before = graph.read_bytes()
        report = check_precisions(graph, [], make_parts(DARK, DARK + 5, BRIGHT, BRIGHT + 5), SCALES)
        assert graph.read_bytes() == before, "The graph in 32 bits is never replaced."
        assert report.checks["f32"].allowed and report.checks["f32"].probability == 0
        assert (graph.with_name(bundle.GRAPH_8_BITS)).exists() == report.checks["int8"].allowed
        assert ("bf16" in report.checks) == ("int8_bf16" in report.checks) == has_bfloat16()
        return report

    return check


def test_eight_bits_that_score_the_same_are_allowed(checked: Callable[[openvino.Model], PrecisionReport]) -> None:
    report = checked(make_linear_graph(logit=0.001))

    check = report.checks["int8"]
    assert (check.allowed, report.images, check.average_precision, report.parts) == (True, 4, 1.0, QUANTIZABLE)
    assert 0 < check.probability < 0.001 and check.milliseconds >= 0


def test_eight_bits_that_lose_half_a_point_are_refused(checked: Callable[[openvino.Model], PrecisionReport]) -> None:
    report = checked(make_linear_graph(turned=-3.0))

    check = report.checks["int8"]
    assert not check.allowed and check.average_precision < 0.9 and report.checks["f32"].average_precision == 1.0
    assert "points of average precision" in check.why
    assert report.parts == () and report.fastest.graph == bundle.GRAPH


@pytest.mark.parametrize("narrow", [{"logit": 0.6}, {"novelty": 1.2}, {"logit": NAN}, {"length": NAN}])
def test_eight_bits_that_shift_the_scores_are_refused(
    checked: Callable[[openvino.Model], PrecisionReport], narrow: dict[str, float]
) -> None:
    assert not checked(make_linear_graph(**narrow)).checks["int8"].allowed


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_real_version_in_eight_bits(
    learned: LearnedVersion,
    images: list[Pixels],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The backbone's convolutions and the companion's deep blocks, not the heads; the file is smaller, and its scores
    shift by what was measured before it was written. The limit of that shift is held by the tests above: this version
    has random weights and one epoch, so its own shift says nothing."""
    for name in (bundle.GRAPH, "serving.bin"):
        shutil.copy(learned.bundle_dir / name, tmp_path / name)
    graph = tmp_path / bundle.GRAPH
    wide = precision.compile_model(learned.bundle_dir / bundle.GRAPH, 1)
    for limit in ("MAX_PRECISION_LOSS", "MAX_PROBABILITY_SHIFT", "MAX_NOVELTY_SHIFT", "MAX_EMBEDDING_DISTANCE"):
        monkeypatch.setattr(precision, limit, 100.0)
    tried = [HeldOutPart(image, logit_of(wide, image), number % 2) for number, image in enumerate(images)]
    scales = SCALES._replace(calibrator=Calibrator.from_json(learned.meta["calibration"]))

    report = check_precisions(graph, images, tried, scales)

    check = report.checks["int8"]
    assert check.allowed, check.why
    assert [each.name for each in allowed_precisions({"precision": report.to_json()})] == list(report.checks)
    assert capfd.readouterr().out == "", "a training's terminal has one progress, its own"
    written = graph.with_name(bundle.GRAPH_8_BITS)
    narrow = openvino.Core().read_model(written)
    large = backbone_inputs(narrow)
    assert len(large) == BACKBONE_CONVOLUTIONS and set(large) == {"FakeQuantize"}
    assert report.parts == find_components(graph)
    assert 70 < len(quantized_convolutions(narrow)) - len(large) < 110, (
        "The companion's deep blocks at both sizes, three each."
    )
    assert written.with_suffix(".bin").stat().st_size < 0.7 * graph.with_suffix(".bin").stat().st_size
    before = Scorer(wide, learned.meta, "").score(images)
    after = Scorer(precision.compile_model(written, 1), learned.meta, "").score(images)
    shifts = [abs(a.defect_probability - b.defect_probability) for a, b in zip(after, before, strict=True)]
    assert max(shifts) == pytest.approx(check.probability, abs=1e-5)
    # The calibration of a version that learned next to nothing may be flat; its novelty is not.
    assert any(a.novelty != b.novelty for a, b in zip(after, before, strict=True))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_of_a_graph_with_all_heads_both_backbones_are_quantized_and_no_head_beside_them(
    tmp_path: Path,
) -> None:
    export_graph(everything_at_once(AuxiliaryBackbone(), 0.5), tmp_path / bundle.GRAPH, 64, 96)
    noise = np.random.default_rng(1).integers(0, 255, (3, 64, 96, 3), dtype=np.uint8)

    narrow = quantize(tmp_path / bundle.GRAPH, list(noise), (BACKBONE, AUX_BACKBONE))

    assert backbone_inputs(narrow) == ["FakeQuantize"] * BACKBONE_CONVOLUTIONS
    shapes = [tuple(one.input(1).get_shape()) for one in quantized_convolutions(narrow)]
    # The segmentation's own convolutions have 128 channels, and its last 64.
    assert not {shape for shape in shapes if shape[0] == 128 and shape[1:] != (64, 3, 3) and shape[1:] != (128, 3, 3)}
    assert 70 < len(shapes) - BACKBONE_CONVOLUTIONS < 110


def test_a_graph_without_wide_convolutions_has_no_eight_bits(graph: Path) -> None:
    assert find_components(graph) == ()
    report = check_precisions(graph, [], make_parts(DARK, BRIGHT), SCALES)
    assert set(report.checks) <= {"f32", "bf16"} and not graph.with_name(bundle.GRAPH_8_BITS).exists()


def test_where_all_components_shift_too_much_the_backbone_alone_may_do(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "find_components", lambda _: QUANTIZABLE)
    monkeypatch.setattr(
        precision, "quantize", lambda _graph, _images, kinds, **_: make_linear_graph(novelty=len(kinds))
    )
    report = check_precisions(graph, [], make_parts(DARK, BRIGHT), SCALES)
    assert report.checks["int8"].allowed and report.parts == (BACKBONE,)
    assert list(report.refused) == [" and ".join(QUANTIZABLE)]
    assert "novelty by 2.000 of its threshold" in next(iter(report.refused.values()))


@pytest.mark.parametrize(("rows", "found"), [([512], (MEMORIES,)), ([1, 1, 512], ())])
def test_only_products_of_patches_are_distances(tmp_path: Path, rows: list[int], found: tuple[str, ...]) -> None:
    """Products of images interpolate the brightness, which all scores depend on."""
    image = opset.parameter([*rows, 64], np.float32, name="image")
    product = opset.matmul(image, opset.constant(np.ones((64, 288), np.float32)), False, False)
    openvino.save_model(openvino.Model([product], [image], "product"), tmp_path / bundle.GRAPH)

    assert find_components(tmp_path / bundle.GRAPH) == found


def test_the_fastest_allowed_precision_is_named() -> None:
    check = precision.PrecisionCheck(True, "", 1.0, 0.0, 0.0, 0.0, 100.0)
    took = {"f32": 100.0, "bf16": 60.0, "int8": 50.0}
    checks = {name: replace(check, milliseconds=ms, allowed=name != "int8") for name, ms in took.items()}

    assert PrecisionReport(checks=checks).fastest == PRECISIONS["bf16"]


def backbone_inputs(model: openvino.Model) -> list[str]:
    """Return the kind of node that feeds each of the backbone's large convolutions."""
    return [
        one.input_value(0).get_node().get_type_name() for one in model.get_ordered_ops() if is_large_convolution(one)
    ]


def quantized_convolutions(model: openvino.Model) -> list[openvino.Node]:
    """Convolutions whose input is in 8 bits."""
    kinds = ("Convolution", "GroupConvolution")
    found = [one for one in model.get_ordered_ops() if one.get_type_name() in kinds]
    return [one for one in found if one.input_value(0).get_node().get_type_name() == "FakeQuantize"]


def logit_of(model: openvino.CompiledModel, image: Pixels) -> float:
    """Return the graph's own logit of one image."""
    return float(np.squeeze(model([image[None]])[LOGIT]))


def is_large_convolution(operation: openvino.Node) -> bool:
    """A convolution of more than one pixel, 64 channels or more in and out."""
    if operation.get_type_name() != "Convolution":
        return False
    shape = operation.input(1).get_shape()
    return bool(shape[0] >= 64 and shape[1] >= 64 and shape[2] > 1)
