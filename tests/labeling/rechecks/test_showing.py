"""What pages, the part's life and the admin tell of a label in doubt, and what they keep back."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from inspection.models import Product
from labeling.history.timeline import build_timeline
from labeling.models import Label, Recheck
from labeling.rechecks.label_rechecks import open_rechecks
from labeling.review import review
from tests.labeling.conftest import make_part
from tests.labeling.rechecks.label_issues import claim_next, make_version_with_label_issues


def test_the_page_says_that_a_part_is_judged_blind_and_not_why(client: Client, ada: User, product: Product) -> None:
    scores = {
        "model_verdict": "PASS",
        "defect_probability": 0.0432,
        "anomaly_threshold": 1.0,
        "reconstruction_error": 0.5,
    }
    part = make_part(
        product, original_filename="scratch-07.jpg", resolved_at=Now(), reasons=["low_confidence"], **scores
    )
    label = Label.objects.create(inspection=part, verdict="FAIL", source=Label.Source.CORRECTION)
    open_rechecks(make_version_with_label_issues(product, label))
    client.force_login(ada)
    page = client.post("/review/next/", {"product": product.slug}).content.decode()
    plain = client.get("/review/plain/").content.decode()
    for shown in (page, plain):
        assert "Review without the model" in shown
        assert not any(words in shown for words in ("4.3", "own label", "unsure", "disagrees", "scratch-07"))
    assert 'data-label=""' in page and "data-blind" in page
    state = client.post("/review/held/", {"product": product.slug}).json()
    assert state["left"] == 1


def test_the_parts_life_tells_afterwards(ada: User, label_issue_recheck: Recheck) -> None:
    review.resolve(claim_next(ada), verdict="PASS")
    words = [f"{event.text}; {event.detail}" for event in build_timeline(label_issue_recheck.inspection)]
    assert any(
        "Label issue: the model disagrees with FAIL; defect probability 4\N{NO-BREAK SPACE}% by version 1" in line
        for line in words
    )
    assert any("Rechecked: changed" in line for line in words)


def test_the_admin_shows_what_is_in_doubt(client: Client, label_issue_recheck: Recheck) -> None:
    client.force_login(User.objects.create_superuser("root"))
    page = client.get("/admin/labeling/recheck/").content.decode()
    assert "waits for a person" in page
    assert "4 %" in page
    assert "standing label, label issue" in client.get("/admin/labeling/label/").content.decode()
    assert client.get(f"/admin/labeling/recheck/{label_issue_recheck.pk}/change/").status_code == 200
