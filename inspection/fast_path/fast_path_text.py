"""Sentences on a product's fast path, for pages and the admin."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inspection.fast_path.evidence import FastPathEvidence, evidence
from inspection.models import FastPath, Product
from inspection.products.bands import serving_fast_path
from mltasks.models import ModelVersion
from mltasks.reports.report_text import format_share


def fast_path_state(product: Product, version: ModelVersion | None) -> str:
    """Return whether the fast path serves beside the version, and what is missing if it does not."""
    if not product.fast_path_enabled:
        return _("Off: the full model scores every part before its verdict.")
    if version is None:
        return _("Waits for a champion.")
    if serving_fast_path(product, version) is None:
        return _(
            "Waits to be learned for this version and these settings, at night or by the command fast_path. Until then "
            "the full model scores every part."
        )
    return _("On: plainly good parts pass without the full model, which scores them later.")


def certificate_sentences(learned: FastPath) -> list[str]:
    """Return what a fast path saves and what it costs in escapes, as measured on parts that it did not learn from."""
    meta, certificate = learned.meta, learned.certificate
    answered, took, gflop = meta["answered"], meta["milliseconds"], meta["gflop"]
    sentences = [
        _(
            "It passed {share} of {parts} held-out parts alone ({low} to {high}), in {fast} ms instead of {full} ms on "
            "one thread ({fast_gflop} instead of {full_gflop} GFLOP)."
        ).format(
            share=format_share(answered["value"]),
            parts=answered["parts"],
            low=format_share(answered["low"]),
            high=format_share(answered["high"]),
            fast=f"{took['screening']:.1f}",
            full=f"{took['full']:.1f}",
            fast_gflop=f"{gflop['screening']:.2f}",
            full_gflop=f"{gflop['full']:.2f}",
        ),
        _(
            "Of {parts} held-out parts that the full model does not pass, it passed {leaks}: with {confidence} "
            "confidence at most {bound} of all such parts."
        ).format(
            parts=certificate.not_passed,
            leaks=certificate.leaks,
            confidence=format_share(certificate.confidence),
            bound=format_share(certificate.leak_bound),
        ),
    ]
    if certificate.escape_bound < 1:
        sentences.append(_escapes(learned))
    return sentences


def evidence_sentence(found: FastPathEvidence) -> str:
    """Return the numbers of parts that the fast path passed, and of those that the full model would not have passed."""
    text = ngettext(
        "Passed by the fast path: {passed} part; {waiting} of these waits for the full model.",
        "Passed by the fast path: {passed} parts; {waiting} of these wait for the full model.",
        found.passed,
    ).format(passed=found.passed, waiting=found.waiting)
    if found.leak_bound is None:
        return text
    return f"{text} " + _(
        "The full model would not have passed {leaks} of them: at most {bound} of the {number} parts that it does not "
        "pass."
    ).format(leaks=found.leaks, bound=format_share(found.leak_bound), number=found.not_passed)


def fast_path_sentences(product: Product, version: ModelVersion | None) -> list[str]:
    """Return all sentences on the product's fast path beside a version: state, certificate and later answers."""
    sentences = [fast_path_state(product, version)]
    learned = product.fast_path
    if learned is not None and version is not None and learned.version_id == version.pk:
        sentences += [*certificate_sentences(learned), evidence_sentence(evidence(learned))]
    return sentences


def _escapes(learned: FastPath) -> str:
    certificate = learned.certificate
    text = (
        _("Of {parts} held-out parts labeled defective, it passed {escapes}: on average at most {bound} of all.")
        if certificate.promise_kind == "average"
        else _("Of {parts} held-out parts labeled defective, it passed {escapes}: guaranteed at most {bound} of all.")
    )
    return text.format(
        parts=certificate.defective, escapes=certificate.escapes, bound=format_share(certificate.escape_bound)
    )
