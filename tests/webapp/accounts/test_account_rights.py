"""Accounts in the admin: nobody gets rights there that their own account does not hold."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from rest_framework.authtoken.models import Token

from inspection.models import Product
from inspection.products.products import create_product
from mltasks.models import Approval
from mltasks.registry import registry
from tests.tiny_model import MakeVersion
from webapp.bootstrap.groups import ADMIN, QUALITY_MANAGER, REVIEWER, make_groups

pytestmark = pytest.mark.django_db
OLD, NEW = "the-password-as-it-was", "another-long-password"
PASSWORD_FORM = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}


def account(name: str, group: str = "", **fields: Any) -> User:
    make_groups(apps.get_app_config("labeling"))
    made = User.objects.create_user(name, password=OLD, is_staff=True, **fields)
    if group:
        made.groups.add(Group.objects.get(name=group))
    return made


def as_account(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def change_form(user: User, **fields: Any) -> dict[str, Any]:
    """The change form, filled in as the browser would send it, with every right that there is on top."""
    every_group = [str(pk) for pk in Group.objects.values_list("pk", flat=True)]
    every_right = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]
    rights = {"is_superuser": "on", "is_staff": "on", "is_active": "on"}
    many = {"groups": every_group, "user_permissions": every_right}
    return {"username": user.username, "email": "new@plant.example", **rights, **many, **fields}


def change(client: Client, user: User, **fields: Any) -> Any:
    return client.post(f"/admin/auth/user/{user.pk}/change/", change_form(user, **fields))


@pytest.fixture
def root() -> User:
    return account("root", is_superuser=True)


@pytest.fixture
def mallory() -> User:
    return account("mallory", ADMIN)


@pytest.fixture
def client(mallory: User) -> Client:
    return as_account(mallory)


def test_it_refuses_to_make_the_superuser_the_second_person_of_a_promotion(
    client: Client, mallory: User, root: User, make_version: MakeVersion, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"
    product = create_product("plate")
    make_version(product, champion=True)
    candidate = make_version(product)
    Product.objects.update(gate_second_person=True, gate_champion_recall=False, gate_cost=False, gate_replay=False)
    promote = f"/models/plate/{candidate.number}/promote/"
    assert client.post(promote, {"reason": "I want it.", "champion": 1}).status_code == 409

    assert client.post(f"/admin/auth/user/{root.pk}/password/", PASSWORD_FORM).status_code == 403
    assert change(client, root).status_code == 403
    assert change(client, mallory).status_code in (200, 302)
    assert client.post("/admin/authtoken/tokenproxy/add/", {"user": root.pk}).status_code == 403
    assert client.get("/admin/authtoken/tokenproxy/").status_code == 403
    assert not Token.objects.exists()

    stolen = Client()
    stolen.post("/login/", {"username": "root", "password": NEW})
    approval = stolen.post(f"/models/plate/{candidate.number}/approve/", {"reason": "Me, too.", "champion": 1})
    assert approval["Location"].startswith("/login/")
    mallory.refresh_from_db()
    root.refresh_from_db()
    assert (mallory.is_superuser, root.check_password(OLD)) == (False, True)
    assert not Approval.objects.exists()
    assert client.post(promote, {"reason": "I want it.", "champion": 1}).status_code == 409
    assert registry.champion(product.registered_model) != candidate


def test_a_superuser_is_seen_and_not_changed(client: Client, root: User) -> None:
    page = client.get(f"/admin/auth/user/{root.pk}/change/")
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert client.post(f"/admin/auth/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_superuser_is_not_deleted_from_the_list_either(root: User, mallory: User) -> None:
    mallory.user_permissions.add(Permission.objects.get(codename="delete_user"))
    chosen = {"action": "delete_selected", "_selected_action": [str(root.pk)], "post": "yes"}
    as_account(mallory).post("/admin/auth/user/", chosen)
    assert User.objects.filter(pk=root.pk).exists()


def test_nobody_raises_their_own_rights(client: Client, mallory: User) -> None:
    before = mallory.get_all_permissions()
    change(client, mallory)
    changed = User.objects.get(pk=mallory.pk)
    assert changed.email == "new@plant.example", "The form itself went through."
    assert (changed.is_superuser, changed.get_all_permissions()) == (False, before)


def test_a_member_of_admin_gives_the_products_groups_and_nothing_else(client: Client) -> None:
    Group.objects.create(name="IT").permissions.add(Permission.objects.get(codename="delete_user"))
    ada = account("ada")
    assert change(client, ada).status_code == 200, "A group that the form does not offer is refused."
    products = Group.objects.filter(name__in=(REVIEWER, QUALITY_MANAGER, ADMIN))
    assert change(client, ada, groups=[str(group.pk) for group in products]).status_code == 302
    ada.refresh_from_db()
    assert set(ada.groups.all()) == set(products)
    assert (ada.is_superuser, ada.user_permissions.count()) == (False, 0)


def test_a_group_of_the_plants_own_stays_when_somebody_else_saves_the_form(client: Client) -> None:
    ada = account("ada", REVIEWER)
    ada.groups.add(Group.objects.create(name="night shift"))
    assert change(client, ada, groups=[]).status_code == 302
    assert [group.name for group in ada.groups.all()] == ["night shift"]


@pytest.mark.parametrize("active", [True, False])
def test_it_refuses_to_change_an_account_with_rights_beyond_ones_own(client: Client, active: bool) -> None:
    technician = account("technician", is_active=active)
    technician.user_permissions.add(Permission.objects.get(codename="delete_user"))
    assert client.post(f"/admin/auth/user/{technician.pk}/password/", PASSWORD_FORM).status_code == 403
    assert change(client, technician).status_code == 403


def test_it_refuses_to_give_a_group_with_rights_beyond_ones_own() -> None:
    clerk = account("clerk")
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=("view_user", "change_user")))
    ada = account("ada")
    admins = str(Group.objects.get(name=ADMIN).pk)
    assert change(as_account(clerk), ada, groups=[admins]).status_code == 200
    assert not ada.groups.exists()


def test_an_admin_helps_a_reviewer_who_forgot_the_password(client: Client) -> None:
    ada = account("ada", REVIEWER)
    assert client.post(f"/admin/auth/user/{ada.pk}/password/", PASSWORD_FORM).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password(NEW)


def test_an_admin_makes_an_account(client: Client) -> None:
    form = {"username": "eva", "password1": NEW, "password2": NEW, "usable_password": "true", "is_superuser": "on"}
    assert client.post("/admin/auth/user/add/", form).status_code == 302
    eva = User.objects.get(username="eva")
    assert (eva.is_superuser, eva.get_all_permissions()) == (False, set())


@pytest.mark.parametrize(
    "path", ["auth/group/", "auth/group/add/", "authtoken/tokenproxy/", "authtoken/tokenproxy/add/"]
)
def test_groups_and_tokens_are_for_superusers_whatever_the_permissions(path: str, mallory: User, root: User) -> None:
    mallory.user_permissions.add(*Permission.objects.filter(content_type__app_label__in=("auth", "authtoken")))
    Token.objects.create(user=root)
    assert as_account(mallory).get(f"/admin/{path}").status_code == 403
    assert as_account(root).get(f"/admin/{path}").status_code == 200


def test_a_superuser_changes_everything(root: User) -> None:
    ada = account("ada")
    assert change(as_account(root), ada).status_code == 302
    ada.refresh_from_db()
    assert ada.is_superuser and ada.user_permissions.count() == Permission.objects.count()
