"""Nobody who judges a part again can tell, or reads what was said of it before; who settles a dispute reads both."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from inspection.models import Inspection, Product
from labeling.history.timeline import build_timeline
from labeling.models import DefectType, Recheck
from labeling.queue import queue
from labeling.rechecks.label_rechecks import open_rechecks
from tests.labeling.conftest import make_part, make_product
from tests.labeling.rechecks.blind_reviews import open_recheck_of, review_part
from tests.labeling.rechecks.label_issues import make_imported_label, make_version_with_label_issues

SCORES = {"model_verdict": "PASS", "defect_probability": 0.0432, "anomaly_threshold": 1.0, "reconstruction_error": 0.5}


@pytest.fixture
def product(db: None) -> Product:
    """One of which every part is judged by two people."""
    made = make_product(second_share=1)
    DefectType.objects.create(product=made, name="scratch")
    return made


@pytest.fixture
def part(product: Product) -> Inspection:
    """A part with scores and a telling name."""
    return make_part(product, original_filename="scratch-07.jpg", reasons=["low_confidence"], **SCORES)


def workbench_html(client: Client, user: User, product: Product) -> str:
    """The workbench's part, without what differs from claim to claim."""
    client.force_login(user)
    page = client.post("/review/next/", {"product": product.slug}).content.decode()
    return re.sub(r"heat-[0-9a-f-]{36}|data-claim=\S+|<time.*?</time>, [^<]*", "", page)


def test_the_second_person_judges_by_the_image_alone(
    client: Client, product: Product, part: Inspection, ada: User, bob: User
) -> None:
    before = workbench_html(client, ada, product)
    assert "unsure" in before and "4.3" in before
    review_part(part, ada, "FAIL", defect_type="scratch", comment="by the edge")
    after = workbench_html(client, bob, product)
    assert "Review without the model" in after
    assert not any(told in after for told in ("unsure", "4.3", "FAIL", "scratch", "by the edge"))
    claim = client.post("/api/v1/queue/claim/", {"product": product.slug}, "application/json").json()
    assert (claim["again"], claim["dispute"], claim["inspection"]["label"]) == (True, [], None)


def test_pages_tell_nothing_while_one_holds_the_part(
    client: Client, part: Inspection, ada: User, bob: User, manager: User
) -> None:
    review_part(part, ada, "FAIL", defect_type="scratch", comment="by the edge")
    queue.claim_part(part, reviewer=bob)
    client.force_login(bob)
    page = client.get(f"/inspections/{part.pk}/").content.decode()
    assert "shown after your verdict" in page
    assert not any(words in page for words in ("by ada", "by the edge", "human verdict", "Correct the label"))
    for address in ("/inspections/", "/inspections/?look=sheet"):
        listed = client.get(address).content.decode()
        assert "shown after your verdict" in listed
        assert "human verdict: FAIL" not in listed and "verdict fail" not in listed
    assert str(part.pk) not in client.get("/inspections/?label=FAIL").content.decode()
    client.force_login(manager)
    assert "by the edge" in client.get(f"/inspections/{part.pk}/").content.decode()
    review_part(part, bob, "PASS")
    client.force_login(bob)
    assert "by the edge" in client.get(f"/inspections/{part.pk}/").content.decode()


def test_an_audit_that_is_judged_for_the_first_time_looks_the_same(
    client: Client, product: Product, part: Inspection, ada: User, bob: User
) -> None:
    fresh = make_part(product, original_filename="scratch-07.jpg", reasons=["audit_sample"], **SCORES)
    queue.claim_part(fresh, reviewer=bob)
    review_part(part, ada, "FAIL")
    queue.claim_part(part, reviewer=bob)
    client.force_login(bob)
    pages = [client.get(f"/inspections/{one.pk}/").content.decode() for one in (fresh, part)]
    first, second = [page[page.index("<main") : page.index('id="facts-title"')] for page in pages]
    plain = [re.sub(r"[0-9a-f-]{36}|value=\"\w{64}\"|<time.*?</time>", "", page) for page in (first, second)]
    assert plain[0] == plain[1]


def test_the_admin_hides_it_too(client: Client, part: Inspection, ada: User, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    review_part(part, ada, "FAIL")
    client.force_login(bob)
    assert "waits for a person" not in client.get("/admin/labeling/recheck/").content.decode()
    assert "field-verdict_badge" in client.get("/admin/labeling/label/").content.decode()
    queue.claim_part(part, reviewer=bob)
    for kind in ("label", "review"):
        assert "field-verdict_badge" not in client.get(f"/admin/labeling/{kind}/").content.decode()
    bob.user_permissions.add(Permission.objects.get(codename="adjudicate"))
    assert "waits for a person" in client.get("/admin/labeling/recheck/").content.decode()


def test_a_life_tells_of_second_looks_once_they_are_over(part: Inspection, ada: User, bob: User, manager: User) -> None:
    def told() -> list[str]:
        return [event.text for event in build_timeline(part)]

    review_part(part, ada, "FAIL")
    assert not any("Double review" in text for text in told())
    review_part(part, bob, "PASS")
    assert {"Double review: another verdict", "Two verdicts differ"} <= set(told())
    review_part(part, manager, "PASS")
    assert told()[-1] == "Decided by a third person"


def test_who_settles_it_reads_both_verdicts_and_no_names(
    client: Client, product: Product, part: Inspection, ada: User, bob: User, manager: User
) -> None:
    review_part(part, ada, "FAIL", defect_type="scratch", comment="by the edge")
    review_part(part, bob, "PASS", comment="only dust")
    client.force_login(manager)
    page = client.post("/review/next/", {"product": product.slug}).content.decode()
    plain = client.get("/review/plain/").content.decode()
    for found in (page, plain):
        assert all(words in found for words in ("Two verdicts differ", "by the edge", "only dust", "scratch"))
        assert not any(told in found for told in ("4.3", "unsure", "bob", ">ada")), "nobody's name, and no model"
    claim = client.post("/api/v1/queue/claim/", {"product": product.slug}, "application/json").json()
    assert claim["dispute"] == [
        {"verdict": "FAIL", "defect_type": "scratch", "comment": "by the edge"},
        {"verdict": "PASS", "defect_type": "", "comment": "only dust"},
    ]
    own = client.get(f"/inspections/{part.pk}/").content.decode()
    assert "Adjudicate the disputed label" in own and "only dust" in own
    assert client.post(f"/inspections/{part.pk}/correct/", {"verdict": "PASS"}).status_code == 302
    assert Recheck.objects.filter(outcome="confirmed").get().answer is not None


def test_the_others_read_that_it_waits_for_somebody_else(
    client: Client, part: Inspection, ada: User, bob: User
) -> None:
    review_part(part, ada, "FAIL")
    review_part(part, bob, "PASS")
    client.force_login(ada)
    page = client.get(f"/inspections/{part.pk}/").content.decode()
    assert "It is not used for training until" in page
    assert "Correct the label" not in page
    refused = client.post(f"/api/v1/inspections/{part.pk}/label/", {"verdict": "PASS"}, "application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "disputed")
    client.force_login(bob)
    assert "Undo PASS" in client.get(f"/inspections/{part.pk}/").content.decode()


def test_a_claim_of_a_label_in_doubt_is_blind_for_scripts_too(client: Client, product: Product, ada: User) -> None:
    label = make_imported_label(product, **SCORES)
    open_rechecks(make_version_with_label_issues(product, label))
    client.force_login(ada)
    claim = client.post("/api/v1/queue/claim/", {"product": product.slug}, "application/json").json()
    part = claim["inspection"]
    assert (claim["again"], part["id"], part["reasons"]) == (True, str(label.inspection_id), [])
    for name in ("verdict", "label", "defect_probability", "reconstruction_error", "anomaly_threshold"):
        assert part[name] is None, name
    answer = client.post(f"/api/v1/queue/{claim['claim']}/verdict/", {"verdict": "FAIL"}, "application/json")
    assert answer.json()["provenance"] == "single"


def test_the_label_list_says_how_labels_came_to_be(client: Client, part: Inspection, ada: User, bob: User) -> None:
    review_part(part, ada, "FAIL")
    review_part(part, bob, "PASS")
    client.force_login(User.objects.create_superuser("root"))
    assert "disputed, not used for training" in client.get("/admin/labeling/label/?provenance=single").content.decode()
    assert open_recheck_of(part).reason == "disputed"
    assert "Two people differ" in client.get("/admin/labeling/recheck/?reason=disputed").content.decode()
