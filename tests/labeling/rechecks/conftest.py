"""A label in doubt, and a queue in which parts that wait come first."""

from __future__ import annotations

import pytest

from inspection.models import Product
from labeling.models import Recheck
from labeling.queue import recheck_queue
from labeling.rechecks.label_rechecks import open_rechecks
from tests.labeling.rechecks.label_issues import make_imported_label, make_version_with_label_issues


@pytest.fixture(autouse=True)
def waiting_parts_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recheck_queue, "offer_recheck_first", lambda _: False)


@pytest.fixture
def label_issue_recheck(product: Product) -> Recheck:
    """An open recheck of an imported FAIL."""
    (made,) = open_rechecks(make_version_with_label_issues(product, make_imported_label(product)))
    return made
