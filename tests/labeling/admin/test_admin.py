"""Labels, claims and defect types in the admin."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from inspection.models import Inspection, Product
from labeling.datasets.defect_type_service import add_type, merge_types
from labeling.models import Claim, DefectType, Label, LabelUndo
from labeling.queue import queue
from labeling.review import review
from labeling.review.skips import skip
from tests.labeling.conftest import make_part


@pytest.fixture
def admin_client(manager: User, client: Client) -> Client:
    """A browser with a quality manager before it."""
    manager.is_staff = True
    manager.save()
    client.force_login(manager)
    return client


@pytest.fixture
def label(part: Inspection, ada: User) -> Label:
    DefectType.objects.create(product=part.product, name="scratch", key="1")
    queue.claim(reviewer=ada)
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    return review.resolve(claim, verdict="FAIL", defect_type="scratch", comment="=left")


def run_action(admin_client: Client, model: str, action: str, *keys: object) -> str:
    address = reverse(f"admin:labeling_{model}_changelist")
    answer = admin_client.post(address, {"action": action, "_selected_action": [str(key) for key in keys]}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("model", ["label", "review", "claim", "labelundo", "defecttype", "skip"])
def test_lists_and_pages_open(admin_client: Client, label: Label, manager: User, model: str) -> None:
    review.undo(label, by=manager)
    rows = {
        "skip": skip(queue.claim_part(label.inspection, reviewer=manager), reason="other"),
        "label": label,
        "review": label.review,
        "claim": Claim.objects.get(review__isnull=False),
        "labelundo": LabelUndo.objects.get(),
        "defecttype": label.defect_type,
    }
    listed = admin_client.get(reverse(f"admin:labeling_{model}_changelist"))
    assert listed.status_code == 200
    row = rows[model]
    assert row is not None
    address = reverse(f"admin:labeling_{model}_change", args=[row.pk])
    assert address in listed.content.decode()
    assert admin_client.get(address).status_code == 200


def test_the_list_of_labels_says_which_counts(admin_client: Client, label: Label, ada: User) -> None:
    newer = review.correct(label.inspection, by=ada, verdict="PASS")
    listed = admin_client.get(reverse("admin:labeling_label_changelist")).content.decode()
    assert reverse("inspection-thumbnail", args=[label.inspection_id]) in listed
    assert ("standing label" in listed, "replaced by a newer label" in listed) == (True, True)
    review.undo(newer, by=ada)
    listed = admin_client.get(reverse("admin:labeling_label_changelist")).content.decode()
    assert "undone by ada" in listed
    assert "replaced by a newer label" not in listed


def test_the_list_of_labels_is_searched_by_the_name_of_a_file(admin_client: Client, label: Label) -> None:
    Inspection.objects.update(original_filename="left-07.jpg")
    changelist, address = reverse("admin:labeling_label_changelist"), f"/label/{label.pk}/change/"
    assert address in admin_client.get(changelist, {"q": "left-07.jpg"}).content.decode()
    assert address not in admin_client.get(changelist, {"q": "left-08.jpg"}).content.decode()


def test_the_list_of_labels_asks_the_database_as_often_for_many(
    admin_client: Client, product: Product, ada: User, django_assert_max_num_queries: object
) -> None:
    for _ in range(20):
        review.correct(make_part(product), by=ada, verdict="FAIL")
    with django_assert_max_num_queries(25):  # type: ignore[operator]
        assert admin_client.get(reverse("admin:labeling_label_changelist")).status_code == 200


def test_labels_are_exported(admin_client: Client, label: Label) -> None:
    text = run_action(admin_client, "label", "export", label.pk)
    header, line = text.splitlines()
    assert header.startswith("name,sha256,label,defect type,reviewer,time,part_id,inspection_id,")
    assert label.inspection.image_sha256 in line
    assert ",FAIL,scratch,ada," in line


def test_a_manager_takes_labels_back(admin_client: Client, label: Label) -> None:
    assert "Undone: 1 of 1." in run_action(admin_client, "label", "take_back", label.pk)
    assert LabelUndo.objects.get().label == label
    assert "already undone" in run_action(admin_client, "label", "take_back", label.pk)


def test_a_manager_gives_parts_back_to_the_queue(admin_client: Client, part: Inspection, ada: User, bob: User) -> None:
    claim = queue.claim(reviewer=ada)
    assert claim is not None
    run_action(admin_client, "claim", "release", claim.pk)
    assert queue.claim(reviewer=bob) is not None


def test_it_refuses_both_to_a_reviewer(admin_client: Client, manager: User, label: Label) -> None:
    manager.groups.set([*label.reviewer.groups.all()])  # type: ignore[union-attr]
    run_action(admin_client, "label", "take_back", label.pk)
    assert not LabelUndo.objects.exists()
    listed = admin_client.get(reverse("admin:labeling_claim_changelist")).content.decode()
    assert "Release the claims" not in listed


@pytest.mark.parametrize("model", ["label", "review", "claim", "labelundo", "skip"])
def test_it_refuses_to_add_or_delete_history(client: Client, admin_user: User, label: Label, model: str) -> None:
    client.force_login(admin_user)
    review.undo(label, by=admin_user)
    rows = {"label": label, "review": label.review, "claim": Claim.objects.get(), "labelundo": LabelUndo.objects.get()}
    rows["skip"] = skip(queue.claim_part(label.inspection, reviewer=admin_user), reason="other")
    row = rows[model]
    assert row is not None
    assert client.get(reverse(f"admin:labeling_{model}_add")).status_code == 403
    assert client.post(reverse(f"admin:labeling_{model}_delete", args=[row.pk])).status_code == 403
    assert client.post(reverse(f"admin:labeling_{model}_change", args=[row.pk]), {"verdict": "PASS"}).status_code == 403


def test_defect_types_are_edited(admin_client: Client, product: Product) -> None:
    said = {"product": product.pk, "name": "dent", "key": "3"}
    assert admin_client.post(reverse("admin:labeling_defecttype_add"), said).status_code == 302
    dent = DefectType.objects.get()
    change = reverse("admin:labeling_defecttype_change", args=[dent.pk])
    assert admin_client.post(change, {"name": "deep-dent", "key": ""}).status_code == 302
    dent.refresh_from_db()
    assert (dent.name, dent.key) == ("deep-dent", "")
    assert admin_client.post(change, {"name": "dent", "key": "x"}).status_code == 200


def test_a_type_that_labels_carry_is_renamed_as_on_its_page(admin_client: Client, label: Label) -> None:
    kind = label.defect_type
    assert kind is not None
    admin_client.post(reverse("admin:labeling_defecttype_change", args=[kind.pk]), {"name": "other", "key": "2"})
    kind.refresh_from_db()
    assert (kind.name, kind.key) == ("other", "2")
    assert DefectType.objects.get(name="scratch").current == kind


def test_it_refuses_to_delete_a_type_that_labels_carry_and_to_change_a_merged_one(
    admin_client: Client, label: Label
) -> None:
    kind = label.defect_type
    assert kind is not None
    assert (
        admin_client.post(reverse("admin:labeling_defecttype_delete", args=[kind.pk]), {"post": "yes"}).status_code
        == 403
    )
    merge_types(kind, into=add_type(kind.product, name="dent"))
    change = reverse("admin:labeling_defecttype_change", args=[kind.pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {"name": "other", "key": ""}).status_code == 403
    assert "merged into dent" in admin_client.get(reverse("admin:labeling_defecttype_changelist")).content.decode()


def test_it_says_what_only_the_lock_refuses(
    admin_client: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_type(product, name="dent", key="3")
    monkeypatch.setattr(DefectType, "validate_constraints", Mock())
    said = {"product": product.pk, "name": "hole", "key": "3"}
    answer = admin_client.post(reverse("admin:labeling_defecttype_add"), said, follow=True)
    assert "Key 3 is already used by dent." in answer.content.decode()
    assert DefectType.objects.count() == 1
