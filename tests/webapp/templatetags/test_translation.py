"""Every text of the pages can be translated: in a pseudo-language no English word is left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone, translation
from pytest_django import Settings

from inspection.models import Product, Reason, Station
from inspection.products.products import create_product
from labeling.models import DefectType
from labeling.queue import queue
from labeling.review import review
from mltasks.models import BackboneRun, ModelVersion, TrainingRun, VerifyingRun
from mltasks.reports import model_card
from mltasks.training import verification, verification_runs
from mltasks.training.verification import Finding
from mltasks.vision.export.learn import LearnedVersion
from mltasks.vision.serving.calibrator import Calibrator
from tests import pseudolocale
from tests.disagreeing_versions import make_disagreeing_version
from tests.tiny_model import MakeVersion
from tests.webapp.dashboard.test_pages import client_of, make_reviewer, make_waiting_part

MISSING = [tool for tool in pseudolocale.TOOLS if shutil.which(tool) is None]
TEMPLATES = [pseudolocale.ROOT / "templates", pseudolocale.ROOT / "mltasks" / "templates"]
MARKED = re.compile(r"{% blocktranslate.*?{% endblocktranslate %}|{% comment.*?{% endcomment %}|{#.*?#}", re.DOTALL)
NAMES = {"Second", "Look", "sha", "reviewing"}  # the product's own name, that of a digest, a class of the body
# Names of this test's things, formats, units, Django's own names of days and months.
ALLOWED = NAMES | {"Plate", "plate", "mia", "scratch", "line", "jpg", "JPEG", "ms", "KB", "UTC"}
ALLOWED |= {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
ALLOWED |= {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
EPOCHS = [
    {"epoch": number, "train_loss": 0.5 / number, "validation_loss": 0.6 / number, "learning_rate": 0.001}
    for number in (1, 2)
]


def words_of(text: str) -> list[str]:
    return [word for word in pseudolocale.WORD.findall(text) if word not in ALLOWED]


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(path, id=str(path.relative_to(pseudolocale.ROOT)))
        for folder in TEMPLATES
        for path in sorted(folder.rglob("*.html"))
    ],
)
def test_a_template_marks_all_its_texts(template: Path) -> None:
    unmarked = re.sub(r"{%.*?%}|{{.*?}}", "", MARKED.sub("", template.read_text()), flags=re.DOTALL)
    assert [text for text in pseudolocale.shown_texts(unmarked) if set(pseudolocale.WORD.findall(text)) - NAMES] == []


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if MISSING:
        pytest.skip(f"gettext is not installed: {', '.join(MISSING)} missing")
    return pseudolocale.make_catalogue(tmp_path_factory.mktemp("pseudo"))


@pytest.fixture
def pseudo_language(catalogue: Path, settings: Settings) -> Iterator[None]:
    """The site in the pseudo-language."""
    settings.LOCALE_PATHS = [catalogue]
    settings.LANGUAGES = [(pseudolocale.CODE, "Pseudo")]
    settings.LANGUAGE_CODE = pseudolocale.CODE
    yield
    translation.deactivate()


@pytest.fixture
def plate(db: None, settings: Settings, tmp_path: Path) -> Iterator[Product]:
    """A product with a station and a defect type."""
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"
    cache.clear()
    made = create_product("plate", name="Plate")
    Station.objects.create(product=made, name="line-1")
    DefectType.objects.create(product=made, name="scratch", key="1")
    yield made
    cache.clear()


def english_words_by_page(client: Client, paths: list[str], *stored: object) -> dict[str, list[str]]:
    """The texts of each page that still have an English word, apart from what was ``stored`` in English."""
    sentences, words = _stored(stored)
    found = {}
    for path in paths:
        texts = pseudolocale.shown_texts(client.get(path, follow=True).content.decode())
        for sentence in sentences:
            texts = [text.replace(sentence, "") for text in texts]
        if left := [text for text in texts if set(words_of(text)) - words]:
            found[path] = left
    return found


def _stored(values: object) -> tuple[list[str], set[str]]:
    """All texts in nested values: the sentences among them, longest first, and the single words."""
    if isinstance(values, dict):
        values = list(values.values()) + list(values)
    if isinstance(values, list | tuple):
        parts = [_stored(value) for value in values]
        sentences = {text for found, _ in parts for text in found}
        return sorted(sentences, key=len, reverse=True), {word for _, found in parts for word in found}
    text = " ".join(str(values).split())
    return ([text], set()) if " " in text else ([], set(pseudolocale.WORD.findall(text)))


def test_pages_without_a_product_are_translated(pseudo_language: None, db: None) -> None:
    client = client_of(make_reviewer("mia", "quality manager"))
    assert english_words_by_page(client, ["/", "/review/plain/", "/inspections/", "/models/", "/nowhere/"]) == {}
    assert english_words_by_page(client_of(make_reviewer("eve")), ["/models/plate/1/promote/"]) == {}
    assert english_words_by_page(Client(), ["/login/?next=/models/"]) == {}


def test_the_parts_pages_are_translated(pseudo_language: None, plate: Product) -> None:
    mia = make_reviewer("mia", "quality manager")
    scores = {"defect_probability": 0.4, "novelty": 1.7, "reconstruction_error": 2.0, "anomaly_threshold": 1.0}
    now = timezone.now()
    parts = [
        make_waiting_part(
            plate,
            part_id=f"{number}",
            reasons=[reason],
            decided_at=now,
            latency_ms=12.0,
            model_verdict="FAIL",
            **scores,
        )
        for number, reason in enumerate(Reason.values)
    ]
    claim = queue.claim(reviewer=mia)
    assert claim is not None
    label = review.resolve(claim, verdict="FAIL", defect_type="scratch")
    review.undo(label, by=mia)
    review.correct(parts[1], by=mia, verdict="PASS")
    client = client_of(mia)
    people = ["/review/", "/reviewers/", "/defect-types/", f"/defect-types/{plate.defect_types.get().pk}/"]
    assert english_words_by_page(client, people) == {}
    lists = ["/inspections/", "/inspections/?look=sheet", "/inspections/?q=none-such", "/review/plain/", "/"]
    assert english_words_by_page(client, [*lists, *(f"/inspections/{found.pk}/" for found in parts)]) == {}
    client.post(f"/inspections/{parts[1].pk}/correct/", {"verdict": "FAIL"})
    assert english_words_by_page(client, ["/inspections/"]) == {}, "a message"
    client.post(f"/inspections/{parts[1].pk}/correct/", {"verdict": "PASS", "defect_type": "scratch"})
    assert english_words_by_page(client, ["/inspections/"]) == {}, "a refusal"


def test_the_models_pages_are_translated(
    pseudo_language: None, plate: Product, make_version: MakeVersion, learned: LearnedVersion
) -> None:
    champion, candidate = (
        make_version(plate, champion=True),
        make_disagreeing_version(plate.registered_model, learned, {}),
    )
    fields = {"model": plate.registered_model, "snapshot": champion.run.snapshot}
    failed = TrainingRun.objects.create(**fields, state="failed", attempt=3, stage="Failed", epochs=EPOCHS)
    running = TrainingRun.objects.create(**fields, state="running", attempt=1, progress=0.4, stage="Starting")
    measured = {"candidates": {"2": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 96}}, "repeats": 5, "parts": 96}
    taught = {"state": "succeeded", "stage": "In use", "adopted": True, "file": "plate/x", "sha256": "0" * 64}
    lesson = BackboneRun.objects.create(**fields, **taught, evaluation=measured)
    found = verification.record(champion, [Finding("files", False, "One of its files is not as it was.")], by=None)
    verification_runs.start(candidate, enqueue=False)
    VerifyingRun.objects.update(state="running", stage="Checking files")
    newer = make_version(plate, champion=True)
    client = client_of(make_reviewer("mia", "quality manager"))
    versions = [f"/models/plate/{version.number}/" for version in (champion, candidate, newer)]
    runs = [f"/models/run-{run.pk}/" for run in (champion.run, failed, running)]
    origins = [f"{versions[0]}card/", "/models/plate/snapshot-1/", "/models/plate/snapshot-1/?q=none-such"]
    compared = [f"/models/plate/compare/{query}" for query in ("", "?v=1", "?v=1&v=2&v=9", "?v=1&v=2&start=12")]
    beside = [f"{versions[1]}{page}/" for page in ("promote", "replay", "challenger")]
    beside += [f"{version}roll-back/" for version in (versions[0], versions[2])]
    lessons = [*runs, f"/models/backbone-{lesson.pk}/", "/models/plate/record/", "/models/plate/holdout/"]
    lessons += ["/models/plate/import/"]
    pages = ["/", "/models/", *compared, *versions, *origins, *beside, *lessons]
    names = [row["name"] for row in learned.report["predictions"]]
    commands = [f"manage.py replay plate {number}." for number in (2, 3)]
    written = [*stored_texts(champion), newer.promotions.get().override, *commands]
    assert english_words_by_page(client, pages, names, *written, found.findings[0]["words"]) == {}


def stored_texts(version: ModelVersion) -> list[Any]:
    """What the version says of itself: made by mltasks.vision, which knows no Django, and stored in English."""
    calibration = Calibrator.from_json(version.meta["calibration"]).describe()
    snapshot = version.run.snapshot
    frozen = list(snapshot.items.values_list("title", "image_sha256", "group")) if snapshot else []
    written = [version.report.evaluation, version.report.protocol, version.meta, calibration, frozen]
    # A hash cut short may end in the middle of letters that look like a word.
    hashes = [value[:12] for value in version.meta["code"].values()]
    return [*written, hashes, version.promotions.get().reason, model_card.CITATION]
