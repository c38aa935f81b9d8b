"""The house stands: imports and foreign keys point down only, and the web process never loads torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ["mltasks", "inspection", "labeling", "webapp"]


@pytest.mark.slow
def test_imports_point_down_only() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_foreign_keys_point_down_only() -> None:
    seen = 0
    for model in apps.get_models():
        if model._meta.app_label not in FLOORS:
            continue
        for field in model._meta.get_fields():
            target = getattr(field.remote_field, "model", None) if not field.auto_created else None
            if target is None or target._meta.app_label not in FLOORS:
                continue
            seen += 1
            above = FLOORS.index(target._meta.app_label) > FLOORS.index(model._meta.app_label)
            assert not above, f"{model.__name__}.{field.name} points up to {target.__name__}"
    assert seen > 10, "This test looks at nothing."


@pytest.mark.slow
def test_no_process_but_a_training_loads_torch() -> None:
    script = (
        "import django, sys; django.setup(); from django.urls import get_resolver; "
        "import webapp.asgi, webapp.celery, webapp.management.commands.up, webapp.management.commands.demo_line; "
        "assert get_resolver().url_patterns; webapp.celery.app.loader.import_default_modules(); "
        "print([name for name in ('torch', 'torchvision', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings"}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_science_is_importable_without_django() -> None:
    script = (
        "import pkgutil, importlib, sys, mltasks.vision as vision; "
        "names = [m.name for m in pkgutil.walk_packages(vision.__path__, 'mltasks.vision.') if m.name[-2:] != '__']; "
        "[importlib.import_module(name) for name in names]; "
        "print(len(names) > 80, [name for name in ('django', 'celery', 'rest_framework') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "True []", done.stdout + done.stderr
