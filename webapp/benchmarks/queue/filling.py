"""Rows of 400 days of two products' parts: most passed, some failed, some reviewed."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.db import connection

from inspection.models import Product, Station
from inspection.products.products import create_product
from labeling.models import DefectType
from mltasks.models import ModelVersion, Promotion, TrainingRun
from mltasks.vision.benchmarks.printing import PrintLine
from webapp.benchmarks.queue import rows
from webapp.bootstrap.groups import REVIEWER

BATCH_ROWS = 100_000
# "trial" has sent next to nothing.
STATIONS = ("line-1", "line-2", "line-3", "line-4", "line-5", "trial")


@dataclass(frozen=True)
class BenchData:
    """The queried product, which has nine tenths of the parts, and its users."""

    product: Product
    reviewers: list[User]
    manager: User


def fill(inspections: int, waiting: int, reviewers: int, say: PrintLine) -> BenchData:
    """Create products, users and rows in a new database; constraint triggers are off meanwhile."""
    people = [User.objects.create_user(f"reviewer-{number}") for number in range(reviewers)]
    Group.objects.get(name=REVIEWER).user_set.add(*people)
    line = BenchData(_make_product("plate"), people, User.objects.create_superuser("manager"))
    other = _make_product("tile")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute("SET session_replication_role = replica")
        for first in range(1, inspections + 1, BATCH_ROWS):
            last = min(first + BATCH_ROWS - 1, inspections)
            cursor.execute(rows.insert_parts_sql(line.product, other, first, last, inspections))
            say(f"{last:,} inspections")
        cursor.execute(rows.mark_waiting_sql(waiting))
        say(f"{waiting:,} of them wait")
        for statement in rows.label_parts_sql([person.pk for person in line.reviewers]):
            cursor.execute(statement)
        say("claims, reviews and labels of the others")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("SET synchronous_commit = on")
        cursor.execute("VACUUM ANALYZE")
    return line


def _make_product(slug: str) -> Product:
    product = create_product(slug, name=slug.title())
    # No rechecks: they are few, and the bench would count them as parts reviewed twice.
    Product.objects.filter(pk=product.pk).update(second_share=0, repeat_share=0)
    for name in STATIONS:
        Station.objects.create(product=product, name=name)
    for key, name in enumerate(("scratch", "excess", "crack", "stain"), 1):
        DefectType.objects.create(product=product, name=name, key=str(key))
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state=TrainingRun.State.SUCCEEDED)
    fields = {"state": ModelVersion.State.CHAMPION, "bundle": run.bundle_name, "sha256": "0" * 64}
    version = ModelVersion.objects.create(model=model, number=1, run=run, **fields)
    Promotion.objects.create(model=model, version=version, reason="The bench's version.")
    return product
