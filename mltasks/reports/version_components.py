"""Components of a version as texts, from its meta.json; older versions lack some keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mltasks.reports.report_text import format_share
from mltasks.vision.serving.calibrator import Calibrator
from mltasks.vision.serving.detector_names import DETECTOR_NAMES
from mltasks.vision.speeds import BALANCED, FAST, THOROUGH


def components(meta: Mapping[str, Any], served_as: str = "") -> list[tuple[str, str]]:
    """Return title and text of each known component.

    ``served_as`` is the name of the precision in which this machine serves the version, empty if not known."""
    texts = {
        _("Input"): _input_text(meta.get("input", {}), meta.get("export_agreement", {})),
        _("Precision"): _precision_text(meta.get("precision", {})),
        _("Precision here"): precision_name(served_as) if served_as else "",
        _("Speed"): _speed_text(meta.get("config", {})),
        _("Heads"): _fusion_text(meta.get("fusion", {}), (meta.get("trade") or {}).get("removed", [])),
        _("Computing"): _operations_text(meta.get("operations", {})),
        _("Calibration"): _calibration_text(meta.get("calibration", {})),
        _("Novelty"): detector_name(meta.get("novelty", {}).get("detector", "")),
        _("Code"): _code_text(meta.get("code", {})),
    }
    return [(title, text) for title, text in texts.items() if text]


def speed_name(name: str) -> str:
    """Return a speed's name for people."""
    return {FAST: _("Fast"), BALANCED: _("Balanced"), THOROUGH: _("Thorough")}.get(name, name)


def detector_name(name: str) -> str:
    """Return a novelty detector's name for people."""
    return capfirst(_(DETECTOR_NAMES[name])) if name in DETECTOR_NAMES else name.capitalize()


def _input_text(size: Mapping[str, Any], agreement: Mapping[str, Any]) -> str:
    if not size:
        return ""
    proportional = _("{width} × {height} pixels, proportions kept")
    stretched = _("{width} × {height} pixels, stretched to fill")
    text = (proportional if size.get("keep_shape") else stretched).format(width=size["width"], height=size["height"])
    milliseconds = agreement.get("milliseconds")
    if not milliseconds:
        return text
    return text + _("; {time} ms per image on the machine that trained it").format(time=f"{milliseconds:.0f}")


def _speed_text(config: Mapping[str, Any]) -> str:
    """Return speed and time budget; empty for a version from before speeds."""
    if "speed" not in config:
        return ""
    if not config.get("budget_ms"):
        return speed_name(config["speed"])
    text = _("{speed}, at most {budget} ms per image on one thread")
    return text.format(speed=speed_name(config["speed"]), budget=f"{config['budget_ms']:g}")


def _code_text(code: Mapping[str, str]) -> str:
    """Return the commit, if known, and the hash of the source."""
    if not code:
        return ""
    source = _("source {hash}").format(hash=code["sha256"][:12])
    if not code["commit"]:
        return source
    return _("commit {commit}, {source}").format(commit=code["commit"][:12], source=source)


def precision_name(name: str) -> str:
    """Return a precision's name for people."""
    names = {
        "f32": _("32 bits"),
        "bf16": _("bfloat16"),
        "int8": _("8 bits"),
        "int8_bf16": _("8 bits and bfloat16"),
    }
    return names.get(name, name)


def _precision_text(precision: Mapping[str, Any]) -> str:
    """Return which precisions keep the scores, with their times on the processor that trained the version.

    Each precision has a line. All are compared with 32 bits on the same held-out parts.
    """
    if "bits" in precision:
        return _precision_text_of_one_graph(precision)
    checks: Mapping[str, Any] = precision.get("checks", {})
    if not checks:
        return _("32 bits. {why}").format(why=precision["why"]) if precision else ""
    lines = [_check_text(name, check) for name, check in checks.items()]
    if precision["parts"]:
        lines.append(_("In 8 bits are {parts}.").format(parts=_(" and ").join(precision["parts"])))
    lines += [
        _("8 bits for {parts} were refused. {why}").format(parts=parts, why=why)
        for parts, why in precision.get("refused", {}).items()
    ]
    return "\n".join(lines)


def _check_text(name: str, check: Mapping[str, Any]) -> str:
    """Return one precision's line; the largest changes of a refused precision are in its reason."""
    if not check["allowed"]:
        text = _("{name}: {time} ms, average precision {value}. Not used: {why}")
    elif name == "f32":
        text = _("{name}: {time} ms on the processor that trained it, average precision {value}.")
    else:
        text = _("{name}: {time} ms, average precision {value}. No probability changes by more than {shift}.")
    return text.format(
        name=precision_name(name),
        time=f"{check['milliseconds']:.0f}",
        value=f"{check['average_precision']:.3f}",
        shift=f"{check['probability']:.3f}",
        why=check["why"],
    )


def _precision_text_of_one_graph(precision: Mapping[str, Any]) -> str:
    """Return the precision of a version of earlier programs, which has one graph."""
    if precision["bits"] == 32:
        return _("32 bits. {why}").format(why=precision["why"])
    text = _(
        "8 bits in {parts}, {time} of the time of 32 bits. On {images} held-out images the average precision is "
        "{narrow} (32 bits: {wide}), and no probability changes by more than {shift}"
    )
    return text.format(
        parts=_(" and ").join(precision["parts"]),
        time=format_share(precision["milliseconds"] / precision["milliseconds_wide"]),
        images=precision["images"],
        narrow=f"{precision['average_precision']:.3f}",
        wide=f"{precision['average_precision_wide']:.3f}",
        shift=f"{precision['probability']:.3f}",
    )


def _fusion_text(fusion: Mapping[str, Any], removed: Collection[str]) -> str:
    """Return the fused heads with their weights, and those that were left out.

    Scores have different spreads, so a weight is not a head's share of the decision.
    """
    weights: Mapping[str, float] = fusion.get("weights", {})
    used = {name: weight for name, weight in weights.items() if weight > 0}
    if len(weights) == 1:
        text = _("{head}, alone").format(head=capfirst(head_name(next(iter(weights)))))
    elif used:
        apart = {name: weight for name, weight in used.items() if name in fusion.get("detectors", ())}
        labeled = {name: weight for name, weight in used.items() if name not in apart}
        text = _("Weighted sum of scores: {heads}").format(heads=_weighted_heads(labeled or apart))
        if labeled and apart:
            text += _(". Its odds are added to those of the novelty scores: {heads}").format(
                heads=_weighted_heads(apart)
            )
    else:
        return ""
    unused = [head_name(name) for name in weights if name not in used and len(weights) > 1]
    if unused:
        text += _(". Not used: {heads}").format(heads=", ".join(unused))
    if dropped := [name for name in fusion.get("dropped", {}) if name not in removed]:
        left_out = ", ".join(head_name(name) for name in dropped)
        text += _(". Left out, because held-out parts are scored as well without them: {heads}").format(heads=left_out)
    return text


def _weighted_heads(weights: Mapping[str, float]) -> str:
    return " + ".join(f"{head_name(name)} × {weight:.2g}" for name, weight in weights.items())


def _operations_text(operations: Mapping[str, float]) -> str:
    """Return the graph's operations per image, and those of a graph with the scores left out."""
    if not operations:
        return ""
    text = _("{gflop} GFLOP per image").format(gflop=f"{operations['gflop']:.1f}")
    everything = operations["gflop_all_scores"]
    if everything <= operations["gflop"]:
        return text
    return text + _("; {gflop} with the scores that were left out").format(gflop=f"{everything:.1f}")


def head_name(name: str) -> str:
    """Return a head's or detector's name for people."""
    if not name.startswith("second_"):
        return name
    return _("auxiliary {head}").format(head=name.removeprefix("second_"))


def _calibration_text(values: Mapping[str, Any]) -> str:
    if not {"slope", "intercept"} <= set(values):
        return ""
    try:
        return Calibrator.from_json(values).describe()
    except ValueError:
        return _("By {method}").format(method=values["method"])
