"""The groups that every installation has."""

import pytest
from django.contrib.auth.models import Group

pytestmark = pytest.mark.django_db


def test_it_makes_the_three_groups_with_rising_permissions() -> None:
    counts = [Group.objects.get(name=name).permissions.count() for name in ("reviewer", "quality manager", "admin")]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]
