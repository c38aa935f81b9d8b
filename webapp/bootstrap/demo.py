"""Demo: product, labeled set, trained and promoted version 1, station and two people.

Each step first checks if it is done, so an interrupted demo continues and nothing is repeated.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User

from inspection.models import Product, Station
from inspection.products.products import create_product
from inspection.products.stations import create_station, issue_key
from labeling.datasets.retraining import retrain
from labeling.folder_import.label_import import import_images
from labeling.models import Label
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import registry
from mltasks.vision.drawing.line import labeled_set, write_image_folder
from webapp.bootstrap.groups import QUALITY_MANAGER, REVIEWER
from webapp.config import credentials
from webapp.config.running_services import write_private

Say = Callable[[str], None]

PRODUCT, STATION = "phone-case-demo", "line-1"
KEY_FILE = "demo_station_key"
SEED = 1
GOOD_COUNT, SCRATCH_COUNT, EXCESS_COUNT = 36, 18, 18
# Large enough to show a scratch; few steps, because people wait for the first start.
TRAINING_SETTINGS = {
    "height": 448,
    "width": 256,
    "folds": 2,
    "views": 2,
    "dense_epochs": 8,
    "batch_size": 8,
    "draws_cap": 96,
    "autoencoder_epochs": 4,
    "curve_shares": [0.5],
    "trade_points": 3,
}
ESCAPE_PROMISE = 0.1
_DEMO_USERS = dict(zip(credentials.DEMO_USERS, (REVIEWER, QUALITY_MANAGER), strict=True))
_POLL_SECONDS = 1.0


def make_demo(say: Say) -> None:
    """Do all open steps up to the promotion of version 1; report each step, then the logins."""
    logins = [
        f"Log in as {username:<9} password: {_make_user(username, group)}   ({group})"
        for username, group in _DEMO_USERS.items()
    ]
    product = _make_product()
    _save_station_key(product)
    if not Label.objects.filter(inspection__product=product).exists():
        _import_labeled_set(product, say)
    if registry.champion(product.registered_model) is None:
        _promote_first_version(product, say)
    for login in logins:
        say(login)


def station_key() -> str | None:
    """Return the demo station's key; None before the demo is made."""
    path = settings.VAR / KEY_FILE
    return path.read_text().strip() if path.exists() else None


def _make_user(username: str, group: str) -> str:
    """Create a demo user if missing; return the password of the creation."""
    user, made = User.objects.get_or_create(username=username)
    if made:
        password = credentials.generate_password()
        user.set_password(password)
        user.is_staff = group == QUALITY_MANAGER
        user.save()
        credentials.save_login(settings.VAR, username, password)
    user.groups.add(Group.objects.get(name=group))
    return credentials.load_logins(settings.VAR).get(username, "(unchanged)")


def _make_product() -> Product:
    product = Product.objects.filter(slug=PRODUCT).first()
    if product is None:
        product = create_product(PRODUCT, name="Phone case (demo)")
        product.training_settings = TRAINING_SETTINGS
        # The bound that 36 defective parts can support; the default of 5 % takes 59.
        product.escape_promise = ESCAPE_PROMISE
        product.save(update_fields=["training_settings", "escape_promise"])
    return product


def _save_station_key(product: Product) -> None:
    if station_key() is not None:
        return
    station = Station.objects.filter(product=product, name=STATION).first()
    key = issue_key(station) if station else create_station(product, STATION)[1]
    write_private(settings.VAR / KEY_FILE, key)


def _import_labeled_set(product: Product, say: Say) -> None:
    say(f"Drawing {GOOD_COUNT} good plates, {SCRATCH_COUNT} with scratches and {EXCESS_COUNT} with excess material ...")
    with tempfile.TemporaryDirectory(prefix="second-look-demo-") as folder:
        write_image_folder(Path(folder), labeled_set(SEED, good=GOOD_COUNT, scratch=SCRATCH_COUNT, excess=EXCESS_COUNT))
        summary = import_images(product, Path(folder))
    say(f"Imported {summary.imported} labeled parts")


def _promote_first_version(product: Product, say: Say) -> None:
    version = ModelVersion.objects.filter(model=product.registered_model).order_by("number").first()
    version = version or _train(product, say)
    if version is not None:
        manager = User.objects.get(username="manager")
        registry.promote(version, by=manager, reason="The demo's first version, so that parts get verdicts at once.")
        say(f"Version {version.number} is champion and now scores the line's parts")


def _train(product: Product, say: Say) -> ModelVersion | None:
    """Wait for the running training, or for a new one, in the worker; None if it failed."""
    unfinished = TrainingRun.objects.filter(model=product.registered_model).unfinished().order_by("created_at")
    run = unfinished.last() or retrain(product, trigger=TrainingRun.Trigger.COMMAND)
    reported = (-1, "")
    while not run.finished:
        # Reports the stage and every 10 % of progress, not every image and epoch.
        state = (int(run.progress * 10), run.stage.split(",")[0])
        if state != reported:
            say(f"Training version 1: {run.progress:4.0%}  {run.stage}")
        reported = state
        time.sleep(_POLL_SECONDS)
        run.refresh_from_db()
    if run.state == TrainingRun.State.FAILED:
        say(f"The training failed: {run.error.strip()}\nRetry it on the product's page, or run `make up` again.")
        return None
    return run.version
