"""A champion whose files are damaged: the last good one before it scores meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inspection.models import Product
from mltasks.registry import fallback
from mltasks.vision.serving.bundle import BundleCorrupt
from tests.inspection.conftest import Receive
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion, replace_file

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_fallback_cache() -> Iterator[None]:
    fallback.forget_damaged()
    yield
    fallback.forget_damaged()


def test_the_last_good_champion_scores_until_the_files_are_back(
    product: Product, make_version: MakeVersion, receive: Receive
) -> None:
    first, second, third = (make_version(product, champion=True) for _ in range(3))
    whole = (third.path / "serving.bin").read_bytes()
    for version in (second, third):
        replace_file(version.path / "serving.bin", whole[:-1] + bytes([whole[-1] ^ 1]))
    part = receive(jpeg(seed=1))
    assert (part.model_version, part.scoring_error) == (first, "")
    assert part.defect_probability is not None
    replace_file(third.path / "serving.bin", whole)
    assert receive(jpeg(seed=2)).model_version == first, "Damaged files are not read anew for each part."
    fallback.forget_damaged()
    assert receive(jpeg(seed=3)).model_version == third


def test_a_candidate_never_stands_in(product: Product, make_version: MakeVersion, receive: Receive) -> None:
    champion = make_version(product, champion=True)
    make_version(product)
    replace_file(champion.path / "meta.json", b"{}")
    part = receive(jpeg(seed=1))
    assert (part.model_version, part.reasons) == (None, ["scoring_failed"])
    with pytest.raises(BundleCorrupt, match=r"meta\.json"):
        fallback.load_serving_version(champion)
