"""An audit is judged blind: nobody can tell from claim, page, address or place that the model was sure of the part."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from inspection.models import Inspection, Product
from inspection.products import queue_ranking
from labeling.models import Claim, Recheck
from labeling.queue import near_duplicate_claims, queue
from labeling.rechecks.label_rechecks import open_rechecks
from tests.labeling.conftest import make_part, make_product
from tests.labeling.rechecks.blind_reviews import review_part
from tests.labeling.rechecks.label_issues import make_imported_label, make_version_with_label_issues
from tests.labeling.rechecks.test_blindness import workbench_html

SURE_PASS = {"model_verdict": "PASS", "defect_probability": 0.00317}
SURE_FAIL = {"model_verdict": "FAIL", "defect_probability": 0.98713}
SCORES = {"anomaly_threshold": 1.0, "reconstruction_error": 0.43, "novelty": 0.43, "reasons": ["audit_sample"]}
TELLS = (
    "0.3 %",
    "98.7",
    "0.43 ×",
    "Model verdict",
    "unsure",
    "model verdict",
    "audit",
    "Audit sample",
    "heatmap",
    "overlay",
)


@pytest.fixture(params=[SURE_PASS, SURE_FAIL], ids=["sure PASS", "sure FAIL"])
def audited_part(request: pytest.FixtureRequest, product: Product) -> Inspection:
    """A part of which the model was sure, drawn for audit."""
    decided = timezone.now()
    return make_part(
        product, part_id="P-1", original_filename="part.jpg", decided_at=decided, **SCORES, **request.param
    )


def get_json(client: Client, path: str, **query: str) -> Any:
    return client.get(f"/api/v1/inspections/{path}", query)


def test_the_claim_has_nothing_of_the_model(client: Client, ada: User, audited_part: Inspection) -> None:
    client.force_login(ada)
    claim = client.post("/api/v1/queue/claim/", {"product": "plate"}, "application/json").json()
    renewed = client.post(f"/api/v1/queue/{claim['claim']}/renew/").json()
    for answer in (claim, renewed, {"inspection": get_json(client, f"{audited_part.pk}/").json()}):
        part = answer["inspection"]
        known = {name for name, value in part.items() if value not in (None, [])}
        assert known == {"id", "product", "part_id", "image_sha256", "received_at"}
        assert part["reasons"] == []
    assert claim["again"] is True
    verdict = client.post(f"/api/v1/queue/{claim['claim']}/verdict/", {"verdict": "FAIL"}, "application/json")
    assert verdict.status_code == 201
    assert get_json(client, f"{audited_part.pk}/").json()["reasons"] == ["audit_sample"]


def test_the_workbench_and_the_plain_form_show_the_image_alone(
    client: Client, ada: User, audited_part: Inspection
) -> None:
    client.force_login(ada)
    fragment = client.post("/review/next/", {"product": "plate"}).content.decode()
    assert 'data-label=""' in fragment and "data-blind" in fragment
    plain = client.get("/review/plain/").content.decode()
    plain = plain[plain.index('class="detail"') :]
    for page in (fragment, plain):
        assert "Review without the model" in page
        assert [words for words in TELLS if words in without_keys(page, audited_part)] == []


def test_its_page_and_the_history_tell_nothing_until_the_verdict(
    client: Client, ada: User, audited_part: Inspection
) -> None:
    client.force_login(ada)
    queue.claim_part(audited_part, reviewer=ada)
    page = client.get(f"/inspections/{audited_part.pk}/").content.decode()
    page = without_keys(page[page.index("<main") :], audited_part)
    assert [words for words in (*TELLS, "verdict review", "Decided") if words in page] == []
    for look in ("table", "sheet"):
        listed = client.get("/inspections/", {"look": look}).content.decode()
        listed = without_keys(listed[listed.index("<main") : listed.index('class="pages"')], audited_part)
        assert "shown after your verdict" in listed
        assert [words for words in ("0.3 %", "98.7", "0.43 ×", "verdict review") if words in listed] == []
    assert client.post(f"/inspections/{audited_part.pk}/score/", {"version": "1"}).status_code == 403
    queue.release(Claim.objects.get(inspection=audited_part))
    review_part(audited_part, ada, "PASS")
    own = client.get(f"/inspections/{audited_part.pk}/").content.decode()
    assert f"Audit sample: the model verdict is {audited_part.model_verdict}." in own
    assert "Model verdict" in own


def test_addresses_of_its_maps_and_its_lineage_keep_back_too(
    client: Client, ada: User, audited_part: Inspection
) -> None:
    client.force_login(ada)
    queue.claim_part(audited_part, reviewer=ada)
    for kind in ("heatmap/", "overlay/?kind=evidence", "overlay/?kind=anomaly"):
        refused = client.get(f"/api/v1/inspections/{audited_part.pk}/{kind}")
        assert (refused.status_code, "after your verdict" in refused.json()["detail"]) == (403, True)
    lineage = get_json(client, f"{audited_part.pk}/lineage/").json()
    assert (lineage["blind"], lineage["verdict"], lineage["version"]) == (True, None, None)


def test_no_filter_finds_it_by_what_the_model_said(
    client: Client, ada: User, bob: User, audited_part: Inspection
) -> None:
    client.force_login(ada)
    queue.claim_part(audited_part, reviewer=ada)
    filters = [{"reason": "audit_sample"}, {"label": str(audited_part.model_verdict)}, {"verdict": "REVIEW"}]
    for query in filters:
        assert get_json(client, "", **query).json()["results"] == []
    assert str(audited_part.pk) not in client.get("/inspections/", {"reason": "audit_sample"}).content.decode()
    client.force_login(bob)
    assert len(get_json(client, "", reason="audit_sample").json()["results"]) == 1


def test_the_admin_keeps_it_back(client: Client, ada: User, audited_part: Inspection) -> None:
    root = User.objects.create_superuser("root")
    client.force_login(root)
    assert str(audited_part.pk) in client.get("/admin/inspection/inspection/").content.decode()
    queue.claim_part(audited_part, reviewer=root)
    assert str(audited_part.pk) not in client.get("/admin/inspection/inspection/").content.decode()


def test_an_audit_and_every_recheck_look_the_same(client: Client, ada: User, bob: User, manager: User) -> None:
    """By the workbench: an audit, a label in doubt, a second look, each of a product of its own."""
    audited, doubted, second = (make_product(slug) for slug in ("audited", "doubted", "second"))
    make_part(audited, part_id="P-1", **SCORES, **SURE_PASS)
    open_rechecks(make_version_with_label_issues(doubted, make_imported_label(doubted, by=bob, part_id="P-1")))
    Product.objects.filter(pk=second.pk).update(second_share=1)
    review_part(make_part(second, part_id="P-1", reasons=["low_confidence"], **SURE_PASS), bob, "FAIL")
    pages = [workbench_html(client, ada, product) for product in (audited, doubted, second)]
    plain = [page.replace("Imported folder", "Camera station") for page in pages]
    keys = Inspection.objects.values_list("pk", "image_name")
    for key, image in keys:
        plain = [page.replace(str(key), "").replace(str(image), "") for page in plain]
    assert plain[0] == plain[1] == plain[2]


def test_an_ordinary_part_keeps_what_the_model_says(client: Client, ada: User, product: Product) -> None:
    make_part(product, **(SCORES | {"reasons": ["low_confidence"]}), model_verdict="FAIL", defect_probability=0.317)
    client.force_login(ada)
    claim = client.post("/api/v1/queue/claim/", {"product": "plate"}, "application/json").json()
    assert (claim["again"], claim["inspection"]["defect_probability"]) == (False, 0.317)
    page = client.post("/review/next/", {"product": "plate"}).content.decode()
    assert "The model is unsure" in page and "31.7" in page and 'data-label="FAIL"' in page


def test_an_audit_is_judged_alone(product: Product, ada: User) -> None:
    first = make_part(product, reasons=["low_confidence"])
    alike = make_part(product, reasons=["low_confidence"], duplicate_of=first)
    audit = make_part(product, reasons=["audit_sample"], duplicate_of=first)
    claim = queue.claim_part(first, reviewer=ada)
    assert {held.inspection_id for held in near_duplicate_claims.claim_near_duplicates(claim)} == {alike.pk}
    queue.claim_part(audit, reviewer=ada)
    assert near_duplicate_claims.near_duplicate_count(audit) == 0


@pytest.mark.parametrize("strategy", ["expected_cost", "uncertainty", "novelty", "diversity", "random"])
def test_audits_stand_mixed_among_ordinary_parts(product: Product, strategy: str) -> None:
    Product.objects.filter(pk=product.pk).update(pick_strategy=strategy)
    start = timezone.now() - timedelta(hours=4)
    for minute in range(200):
        sure = minute % 10 == 5
        probability = (0.001 if minute % 20 == 5 else 0.999) if sure else 0.05 + 0.7 * (minute * 37 % 100) / 100
        reason = "audit_sample" if sure else "low_confidence"
        label = "FAIL" if probability > 0.17 else "PASS"
        part = make_part(product, reasons=[reason], model_verdict=label, defect_probability=probability, novelty=0.5)
        Inspection.objects.filter(pk=part.pk).update(received_at=start + timedelta(minutes=minute))
    queue_ranking.rerank(product)
    order = [part.reasons[0] for part in Inspection.objects.order_by("queue_sort_key", "pk")]
    places = [place for place, reason in enumerate(order) if reason == "audit_sample"]
    assert len(places) == 20
    # In every quarter of the queue, and half of them in either half, as far as chance goes.
    assert all(any(low <= place < low + 50 for place in places) for low in (0, 50, 100, 150))
    assert 5 <= sum(place < 100 for place in places) <= 15


def test_a_second_look_at_an_audit_is_blind_too(client: Client, product: Product, ada: User, bob: User) -> None:
    Product.objects.filter(pk=product.pk).update(second_share=1)
    part = make_part(product, **SCORES, **SURE_PASS)
    review_part(part, ada, "FAIL")
    assert Recheck.objects.open().get(inspection=part).reason == "second"
    client.force_login(bob)
    claim = client.post("/api/v1/queue/claim/", {"product": "plate"}, "application/json").json()
    assert (claim["again"], claim["inspection"]["label"]) == (True, None)


def without_keys(page: str, part: Inspection) -> str:
    """The page without ids and hashes, in which any digits may stand."""
    for text in (str(part.pk), part.image_sha256, str(Claim.objects.values_list("pk", flat=True).first())):
        page = page.replace(text, "")
    return page
