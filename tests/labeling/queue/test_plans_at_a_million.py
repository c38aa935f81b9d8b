"""No page and no claim reads all inspections where PostgreSQL plans for a million: the plans of `make bench-queue`."""

from __future__ import annotations

import os

import pytest

from tests.embedded import OWN_POSTGRES
from tests.inflated_statistics import inflate_statistics
from webapp.benchmarks.queue import claims, pages, plans
from webapp.benchmarks.queue.filling import BenchData, fill
from webapp.benchmarks.queue.timing import Timing

ROWS, TIMES = 20_000, 50
TABLES = ["inspection_inspection", "labeling_claim", "labeling_review", "labeling_label", "labeling_labelundo"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not os.environ.get(OWN_POSTGRES), reason="The files of another server's tables can't be made larger."
    ),
]


@pytest.fixture
def line() -> BenchData:
    """Rows of a line, which PostgreSQL takes for a million."""
    filled = fill(ROWS, ROWS // 20, 1, lambda _: None)
    inflate_statistics(TABLES, TIMES)
    return filled


def test_no_page_and_no_claim_reads_all_of_a_million_inspections(line: BenchData) -> None:
    """Pairs of filters are the bench's alone: 244 pages take too long here."""
    visitor = pages.PageVisitor(line)
    for name, address in pages.other_pages(line):
        visitor.visit(Timing(name), [address], 0, report_scans=name not in pages.COUNTING_PAGES)
    visitor.visit(Timing("history, one filter"), pages.single_filter_urls(), 0)
    assert visitor.sequential_scans == {}
    assert plans.sequential_scans(lambda: claims.time_one_reviewer(line, 1)) == []
    # The check itself: no index has file names.
    assert plans.sequential_scans(line.product.inspections.filter(original_filename="part-7.jpg").count) != []
