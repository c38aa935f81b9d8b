"""What escapes, measured on the audit sample."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from inspection.models import Product, Reason
from labeling import audit, review
from tests.labeling.conftest import make_part, make_product


def audited(product: Product, by: User, verdict: str, **fields: str) -> None:
    part = make_part(product, label="PASS", reasons=[Reason.AUDIT_SAMPLE], **fields)
    review.correct(part, by=by, verdict=verdict)


def test_nothing_is_known_before_the_first_audit(product: Product, ada: User) -> None:
    make_part(product, label="PASS", reasons=[Reason.AUDIT_SAMPLE])
    review.correct(make_part(product, reasons=[Reason.LOW_CONFIDENCE]), by=ada, verdict="FAIL")
    found = audit.escape_rate(product)
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)


def test_the_share_comes_with_its_interval(product: Product, ada: User) -> None:
    for _ in range(9):
        audited(product, ada, "PASS")
    audited(product, ada, "FAIL")
    audited(make_product("case"), ada, "FAIL")
    found = audit.escape_rate(product)
    assert found.n == 10
    assert found.value == pytest.approx(0.1)
    # Wilson's interval for 1 of 10.
    assert found.low == pytest.approx(0.0179, abs=1e-4)
    assert found.high == pytest.approx(0.4042, abs=1e-4)


def test_the_standing_label_counts(product: Product, ada: User) -> None:
    part = make_part(product, label="PASS", reasons=[Reason.AUDIT_SAMPLE])
    review.correct(part, by=ada, verdict="FAIL")
    review.correct(part, by=ada, verdict="PASS")
    assert audit.escape_rate(product).value == 0


def test_two_pictures_of_one_part_are_one_observation(product: Product, ada: User) -> None:
    for _ in range(2):
        audited(product, ada, "PASS", part_id="A7")
    found = audit.escape_rate(product)
    assert (found.n, found.parts) == (2, 1)
