"""A version comes from another plant whole, signed by a trusted key, once; or not at all, and says why."""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.db.models.functions import Now
from django.test import Client

from mltasks.exchange import exchange_archive, signing, trust_store, version_import
from mltasks.exchange.import_validation import ImportRefused
from mltasks.exchange.version_import import import_version
from mltasks.models import ImportedVersion, ModelVersion, RegisteredModel, TrainingRun, TrustedPlant
from mltasks.models.mask_names import mask_name
from mltasks.models.trusted_plants import format_fingerprint
from mltasks.registry import registry, scorers
from mltasks.runs import orphaned_files, run_recovery
from mltasks.snapshots.snapshots import freeze
from mltasks.storage import version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.text import strict_json
from mltasks.training.verification import record, verify
from mltasks.vision.serving import bundle
from mltasks.vision.types import Mark
from tests.mltasks.conftest import make_person
from tests.mltasks.export_archives import (
    ArchiveDocument,
    Members,
    OtherPlant,
    export_members,
    files_below,
    pack,
    replace_member,
)
from tests.mltasks.tiny_version import shrink
from tests.s3 import SharedBucket
from tests.tiny_model import PLAIN_CONFIG, MakeVersion, labeled_samples, replace_file

GREY = np.full((PLAIN_CONFIG.height, PLAIN_CONFIG.width, 3), 100, np.uint8)


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    settings.VERSIONS_DIR = tmp_path / "versions"
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing.pem"


@pytest.fixture
def version(own_folders: None, model: RegisteredModel, make_version: MakeVersion) -> ModelVersion:
    """What the other plant has: a whole version, and a small one."""
    return shrink(make_version(model))


@pytest.fixture
def local_model(version: ModelVersion) -> RegisteredModel:
    """The product that it is to serve, called otherwise here."""
    return RegisteredModel.objects.create(name="panel")


@pytest.fixture
def other_plant(version: ModelVersion) -> OtherPlant:
    """Another plant, trusted."""
    plant = OtherPlant()
    trust_store.trust("North", plant.public_key.encode(), format_fingerprint(plant.fingerprint).upper(), by=None)
    return plant


def assert_nothing_imported(local_model: RegisteredModel) -> None:
    assert not local_model.versions.exists() and not local_model.runs.exists() and not ImportedVersion.objects.exists()
    below = Path(configured.VERSIONS_DIR)
    assert not files_below(below / local_model.name) and not files_below(below / ".importing")


def test_it_arrives_as_a_candidate_that_scores_the_same(
    version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant, make_version: MakeVersion
) -> None:
    version = make_version(version.model)  # as trainings make them
    version.report.refresh_from_db()
    mia = make_person("mia", "promote_modelversion")
    came = import_version(local_model, other_plant.export(version), by=mia)

    assert (came.number, came.state, came.sha256, came.meta) == (1, "candidate", version.sha256, version.meta)
    assert (came.run.trigger, came.run.state, came.run.snapshot, came.run.requested_by) == (
        *("imported", "succeeded", None),
        mia,
    )
    assert came.run.config == version.run.config
    assert (came.report.protocol, came.report.evaluation) == (version.report.protocol, version.report.evaluation)
    assert scorers.get_scorer(came).score([GREY]) == scorers.get_scorer(version).score([GREY])

    row = came.imported
    assert (row.plant, row.fingerprint, row.product, row.number) == ("North", other_plant.fingerprint, "plate", 2)
    assert (row.good, row.defective, row.imported_by) == (8, 8, mia)
    assert signing.is_valid_signature(row.document.encode(), bytes(row.signature), other_plant.public_key)
    found = list(verify(came))
    assert {one.check: one.passed for one in found} == dict.fromkeys(
        ("files", "signature", "report", "snapshot", "weights"), True
    )
    assert not record(came, found, by=mia).learned_again, "Its images are not here."
    assert registry.promote(came, by=mia, reason="Good enough to start.").version == came
    assert orphaned_files.remove_orphaned_versions() == 0 and not files_below(
        Path(configured.VERSIONS_DIR) / ".importing"
    )
    with pytest.raises(ProgrammingError, match="Cannot update or delete"), transaction.atomic():
        ImportedVersion.objects.update(plant="South")


def _train_on_marks(version: ModelVersion) -> None:
    """Let the version's snapshot be one with marks, a mask, and a bit depth."""
    *samples, plain, marked, masked = labeled_samples()
    mask = Path(configured.MEDIA_ROOT) / mask_name("ab" * 32)
    changed = [replace(plain, bit_depth=12), replace(marked, marks=(Mark(1 / 3, 0, 0.1, 0.2),))]
    snapshot = freeze(version.model, [*samples, *changed, replace(masked, mask=mask)], PLAIN_CONFIG)
    TrainingRun.objects.filter(pk=version.run_id).update(snapshot=snapshot)


def test_marks_masks_and_bit_depths_of_its_snapshot_come_with_it(
    version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant
) -> None:
    _train_on_marks(version)
    version = ModelVersion.objects.get(pk=version.pk)
    came = import_version(local_model, other_plant.export(version), by=None)
    assert {one.check: one.passed for one in verify(came)}["snapshot"]
    items = json.loads(came.imported.document)["snapshot"]["items"]
    assert sorted(len(item) for item in items) == [*[7] * (len(items) - 3), 8, 8, 8]


@pytest.mark.parametrize(
    "place",
    [
        {"marks": [{"left": 0.5, "top": 0.5}]},
        {"marks": [{"left": 2, "top": 0}]},
        {"mask_sha256": "x"},
        {"bit_depth": True},
    ],
)
def test_an_item_with_another_place_is_refused(
    place: dict[str, Any], version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant
) -> None:
    _train_on_marks(version)
    version = ModelVersion.objects.get(pk=version.pk)

    def change(document: ArchiveDocument, members: Members) -> None:
        document["snapshot"]["items"][0].update(place)

    with pytest.raises(ImportRefused, match=r"the hash of its|A mark|is not a sha256|wrong type"):
        import_version(local_model, other_plant.export(version, change), by=None)
    assert_nothing_imported(local_model)


def test_it_comes_in_once(version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant) -> None:
    import_version(local_model, other_plant.export(version), by=None)
    with pytest.raises(ImportRefused, match="already has this version: it is panel version 1"):
        import_version(local_model, other_plant.export(version), by=None)
    with pytest.raises(ImportRefused, match="already has this version: it is plate version 1"):
        import_version(version.model, other_plant.export(version), by=None)
    assert local_model.versions.count() == local_model.runs.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_imports_at_once_one_comes_in(
    version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, said = other_plant.export(version).getvalue(), []
    both_are_in_place, begin = threading.Barrier(2), version_import._begin_run

    def begin_together(*args: Any) -> Any:
        both_are_in_place.wait(60)
        return begin(*args)

    monkeypatch.setattr(version_import, "_begin_run", begin_together)

    def come() -> None:
        try:
            said.append(str(import_version(local_model, io.BytesIO(whole), by=None).number))
        except ImportRefused as error:
            said.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=come) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["1", "This plant already has this version: it is panel version 1."]
    assert local_model.versions.count() == local_model.runs.count() == 1
    (kept,) = (Path(configured.VERSIONS_DIR) / "panel").iterdir()
    assert kept == local_model.versions.get().path


def test_an_unknown_key_is_refused_with_its_fingerprint(version: ModelVersion, local_model: RegisteredModel) -> None:
    south = OtherPlant()
    with pytest.raises(ImportRefused, match=f"with the key {format_fingerprint(south.fingerprint)}.*Trusted plants"):
        import_version(local_model, south.export(version), by=None)
    assert_nothing_imported(local_model)


def test_trust_that_ended_is_none(version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant) -> None:
    came = import_version(local_model, other_plant.export(version), by=None)
    TrustedPlant.objects.all().delete()
    signature = next(one for one in verify(came) if one.check == "signature")
    assert signature.passed and signature.text.endswith("That key is no longer trusted here.")
    with pytest.raises(ImportRefused, match="not trusted here"):
        import_version(RegisteredModel.objects.create(name="third"), other_plant.export(version), by=None)


# What somebody on the way can do, who has no key: (what it is, how the members change, what is said)
ON_THE_WAY: list[tuple[str, Callable[[Members], Members | None], str]] = [
    (
        "a word of the document",
        lambda of: of.update({"export.json": of["export.json"] + b" "}),
        "does not match its content",
    ),
    ("the signature", lambda of: of.update({"export.sig": bytes(64)}), "does not match its content"),
    ("a short signature", lambda of: of.update({"export.sig": b"short"}), "does not match its content"),
    ("the key", lambda of: of.update({"export.sig": bytes(64), "export.pem": b"no key"}), "not a plant's public key"),
    ("a file", lambda of: of.update({"bundle/serving.xml": b"<net/>"}), "differs from the signed size"),
    (
        "a byte",
        lambda of: of.update({"bundle/meta.json": b"!" + of["bundle/meta.json"][1:]}),
        "the hash of .* differs from the signed hash",
    ),
    ("a file missing", lambda of: of.pop("bundle/serving.bin") and None, "bundle/serving.bin is missing"),
    ("no document", lambda of: of.pop("export.json") and None, "it has no export.json"),
    ("a file added", lambda of: of.update({"bundle/extra": b"x"}), "bundle/extra is not in the signed list"),
    ("a file beside", lambda of: of.update({"../evil": b"x"}), "is not in the signed list"),
    ("an absolute name", lambda of: of.update({"/etc/evil": b"x"}), "is not in the signed list"),
    ("a folder", lambda of: of.update({"bundle/deep/": b""}), "is not in the signed list"),
]


@pytest.mark.parametrize(("change", "words"), [one[1:] for one in ON_THE_WAY], ids=[one[0] for one in ON_THE_WAY])
def test_what_was_changed_on_the_way_is_refused(
    change: Callable[[Members], None], words: str, version: ModelVersion, local_model: RegisteredModel
) -> None:
    members = export_members(version)
    change(members)
    with pytest.raises(ImportRefused, match=words):
        import_version(local_model, pack(members), by=None)
    assert_nothing_imported(local_model)


def _duplicate_member(members: Members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in [*members.items(), ("bundle/meta.json", b"{}")]:
            made.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def _with_comment(members: Members) -> bytes:
    out = pack(members)
    with zipfile.ZipFile(out, "a") as made:
        made.comment = b"a note"
    return out.getvalue()


def _with_many_names(members: Members) -> bytes:
    """A directory of ten thousand names."""
    return pack({**members, **{f"{number:05}": b"" for number in range(10_000)}}).getvalue()


FILES: list[tuple[str, Callable[[Members], bytes], str]] = [
    ("no ZIP", lambda _: b"no ZIP at all", "it is not an export of a plant"),
    ("empty", lambda _: b"", "it is not an export of a plant"),
    ("half of it", lambda of: pack(of).getvalue()[:-1000], "it is not an export of a plant"),
    ("compressed", lambda of: pack(of, zipfile.ZIP_DEFLATED).getvalue(), "is compressed"),
    ("a name twice", _duplicate_member, "it contains a name twice"),
    ("bytes before", lambda of: b"#!/bin/sh\n" + pack(of).getvalue(), "unexpected bytes before"),
    ("bytes behind", lambda of: pack(of).getvalue() + b"more", "it is not an export of a plant"),
    ("a note", _with_comment, "it is not an export of a plant"),
    ("a huge directory", _with_many_names, "its ZIP directory is not that of an export"),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("make", "words"), [one[1:] for one in FILES], ids=[one[0] for one in FILES])
def test_a_file_that_no_plant_wrote_is_refused(
    make: Callable[[Members], bytes], words: str, version: ModelVersion, local_model: RegisteredModel
) -> None:
    with pytest.raises(ImportRefused, match=words):
        import_version(local_model, io.BytesIO(make(export_members(version))), by=None)
    assert_nothing_imported(local_model)


def _item(document: ArchiveDocument, members: Members) -> None:
    document["snapshot"]["items"][0]["target"] = 1 - document["snapshot"]["items"][0]["target"]


def _report(document: ArchiveDocument, members: Members) -> None:
    document["report"]["evaluation"]["metrics"]["recall"]["value"] = 0.123


def _rename(document: ArchiveDocument, members: Members, to: str) -> None:
    files = document["bundle"]["files"]
    members[f"bundle/{to}"] = members.pop("bundle/plots/cost.svg")
    files[to] = files.pop("plots/cost.svg")


def _meta(document: ArchiveDocument, members: Members, more: str) -> None:
    replace_member(document, members, "meta.json", members["bundle/meta.json"].rstrip()[:-1] + f", {more}}}".encode())


def _manifest(document: ArchiveDocument, members: Members) -> None:
    members["bundle/manifest.json"] = b"{}"
    document["bundle"]["files"]["manifest.json"] = {"sha256": hashlib.sha256(b"{}").hexdigest(), "size": 2}


def _allow_8_bits(said: ArchiveDocument, of: Members) -> None:
    meta = json.loads(of["bundle/meta.json"])
    meta["precision"] = {"checks": {"int8": {"allowed": True}}}
    replace_member(said, of, "meta.json", json.dumps(meta).encode())


# What a plant can do that is trusted, and older, newer, careless or taken over.
BY_A_PLANT: list[tuple[str, Callable[[ArchiveDocument, Members], Any], str]] = [
    ("a newer format", lambda said, _: said.update(format=2), "its format is 2, but this program reads format 1"),
    ("another digest", lambda said, _: said["bundle"].update(sha256="0" * 64), "differs from the digest of its files"),
    ("a digest that is none", lambda said, _: said["bundle"].update(sha256="../.."), "is not a sha256"),
    ("a manifest that lies", _manifest, "has changed since it was written"),
    ("another label", _item, "the hash of its snapshot's items differs"),
    (
        "an item that is none",
        lambda said, _: said["snapshot"]["items"][0].pop("group"),
        "an item of its snapshot is invalid",
    ),
    ("another figure", _report, "its report differs from the report in its files"),
    ("another protocol", lambda said, _: said["report"].update(protocol="By eye."), "differs from the stated protocol"),
    ("another signer", lambda said, _: said.update(fingerprint="0" * 64), "different key than its document names"),
    ("a way out", lambda said, of: _rename(said, of, "../../../evil"), "which no version has"),
    ("an absolute name", lambda said, of: _rename(said, of, "/evil"), "which no version has"),
    ("a hidden name", lambda said, of: _rename(said, of, "plots/.evil"), "which no version has"),
    ("a file below a file", lambda said, of: _rename(said, of, "meta.json/evil"), "which no version has"),
    (
        "a negative size",
        lambda said, _: said["bundle"]["files"]["meta.json"].update(size=-1),
        "`size` is out of range: -1",
    ),
    ("a true number", lambda said, _: said.update(version=True), "`version` is missing or of the wrong type"),
    ("no config", lambda said, _: said.update(config=None), "`config` is missing or of the wrong type"),
    ("no number", lambda said, _: said["config"].update(costs=float("nan")), "NaN is not a finite number"),
    ("no number in a file", lambda said, of: _meta(said, of, '"extra": 1e999'), "1e999 is not a finite number"),
    ("a zero character", lambda said, _: said["config"].update(note="\0"), "a NUL character"),
    ("half a character", lambda said, _: said["config"].update(note="\ud800"), "cannot be imported"),
    ("a name said twice", lambda said, of: _meta(said, of, '"format": 2'), "a name occurs twice"),
    ("no graph", lambda said, of: replace_member(said, of, "serving.xml", b"<net/>"), "does not score here"),
    ("no graph in 8 bits", _allow_8_bits, "does not score here"),
    ("no thresholds", lambda said, of: replace_member(said, of, "meta.json", b"{}"), r"does not score here \(KeyError"),
]


@pytest.mark.parametrize(("change", "words"), [one[1:] for one in BY_A_PLANT], ids=[one[0] for one in BY_A_PLANT])
def test_what_does_not_hold_is_refused_whoever_signed_it(
    change: Callable[[ArchiveDocument, Members], None],
    words: str,
    version: ModelVersion,
    local_model: RegisteredModel,
    other_plant: OtherPlant,
) -> None:
    with pytest.raises(ImportRefused, match=words):
        import_version(local_model, other_plant.export(version, change), by=None)
    assert_nothing_imported(local_model)


def test_flipped_bits_anywhere_are_refused_in_words(version: ModelVersion, local_model: RegisteredModel) -> None:
    """Of the heads and the directory, where nothing is hashed, a flip may also mean nothing."""
    whole = pack(export_members(version)).getvalue()
    chance = random.Random(7)
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        start = opened.start_dir
    for _ in range(200):
        at = chance.randrange(start, len(whole))
        broken = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        try:
            with exchange_archive.open_archive(io.BytesIO(broken)) as packed:
                exchange_archive.read_header(packed)
        except ValueError:
            continue


def test_json_that_is_too_deep_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        strict_json.parse(b"[" * 100_000)


def test_what_is_too_large_is_refused_before_it_is_unpacked(
    version: ModelVersion, local_model: RegisteredModel, settings: Any
) -> None:
    settings.MAX_VERSION_BYTES = 10_000
    with pytest.raises(ImportRefused, match="MAX_VERSION_BYTES allows at most 0 MB"):
        import_version(local_model, pack(export_members(version)), by=None)
    settings.MAX_VERSION_BYTES, settings.MIN_FREE_DISK_BYTES = 1 << 30, 1 << 60
    with pytest.raises(ImportRefused, match="this machine's disk has only 0 MB free"):
        import_version(local_model, pack(export_members(version)), by=None)
    assert_nothing_imported(local_model)


def test_beside_a_bucket_it_is_published_before_its_row(
    bucket: SharedBucket, version: ModelVersion, local_model: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_store.publish(version.bundle)
    whole = pack(export_members(version)).getvalue()
    monkeypatch.setattr(version_import, "RETRY_PAUSES", ())
    bucket.make_unreachable()
    with pytest.raises(StoreUnreachable):
        import_version(local_model, io.BytesIO(whole), by=None)
    assert_nothing_imported(local_model)
    bucket.make_reachable()
    came = import_version(local_model, io.BytesIO(whole), by=None)
    bucket.switch_machine()
    bundle.verify(version_store.ensure_local(came), version.sha256)


def test_what_a_killed_import_leaves_is_swept(
    version: ModelVersion, local_model: RegisteredModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the directory's name and the rows: nothing is cleared up, and the lease runs out."""
    monkeypatch.setattr(version_import, "_discard", lambda *_: None)
    monkeypatch.setattr(version_import, "_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        import_version(local_model, pack(export_members(version)), by=None)
    run = local_model.runs.get()
    left = Path(configured.VERSIONS_DIR) / run.bundle_name
    assert left.is_dir() and run_recovery.recover_runs() == 0, "It may still be at work."
    TrainingRun.objects.filter(pk=run.pk).update(lease_expires_at=Now() - timedelta(seconds=1))
    assert run_recovery.recover_runs() == 2
    run.refresh_from_db()
    assert run.state == "failed" and run.error.startswith("The import did not report for 60 s")
    assert "Retry the run." in run.error and not left.exists()


def test_a_row_that_was_changed_behind_the_triggers_is_found(
    version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant
) -> None:
    came = import_version(local_model, other_plant.export(version), by=None)
    came.imported.document = came.imported.document.replace('"version": 1', '"version": 2')
    found = {one.check: one for one in verify(came)}
    assert not found["signature"].passed and found["files"].passed
    replace_file(came.path / "report.json", b"{}")
    assert not next(one for one in verify(came) if one.check == "files").passed


def test_what_came_from_one_plant_goes_on_to_another(
    version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant
) -> None:
    came = import_version(local_model, other_plant.export(version), by=None)
    third = RegisteredModel.objects.create(name="third")
    again = import_version(third, pack(export_members(came)), by=None)
    assert (again.imported.plant, again.imported.product) == (trust_store.THIS_PLANT, "panel")
    assert again.imported.good == came.imported.good == 8


def test_by_commands(version: ModelVersion, local_model: RegisteredModel, tmp_path: Path) -> None:
    south, key = OtherPlant(), tmp_path / "south.pem"
    key.write_text(south.public_key)
    file = tmp_path / "plate-v1.slv"
    file.write_bytes(south.export(version).getvalue())
    with pytest.raises(CommandError, match="trust_plant"):
        call_command("import_version", "panel", str(file))
    with pytest.raises(CommandError, match=f"The fingerprint of this key is {format_fingerprint(south.fingerprint)}"):
        call_command("trust_plant", "South", str(key))
    call_command("trust_plant", "South", str(key), fingerprint=south.fingerprint, stdout=io.StringIO())
    out = io.StringIO()
    call_command("import_version", "panel", str(file), stdout=out, stderr=io.StringIO())
    assert out.getvalue() == "1\n" and local_model.versions.get().imported.plant == "South"
    with pytest.raises(CommandError, match="no product 'nothing'"):
        call_command("import_version", "nothing", str(file))
    call_command("plant_key", stdout=(own := io.StringIO()), stderr=(told := io.StringIO()))
    assert format_fingerprint(signing.fingerprint(own.getvalue())) in told.getvalue()
    with pytest.raises(CommandError, match="this plant's own key"):
        key.write_text(own.getvalue())
        call_command("trust_plant", "Us", str(key), fingerprint=signing.fingerprint(own.getvalue()))


def test_by_its_page_for_who_may_promote(version: ModelVersion, local_model: RegisteredModel, client: Client) -> None:
    address = "/models/panel/import/"
    whole = export_members(version)

    def post(file: io.BytesIO) -> Any:
        file.name = "plate-v1.slv"
        return client.post(address, {"file": file})

    client.force_login(make_person("ada", "view_modelversion", "add_trainingrun"))
    assert client.get(address).status_code == 403 and post(pack(whole)).status_code == 403
    client.force_login(make_person("mia", "promote_modelversion", "view_modelversion"))
    assert client.get(address).status_code == 200
    refused = post(pack({**whole, "bundle/extra": b"x"}))
    assert refused.status_code == 400 and "is not in the signed list" in refused.content.decode()
    assert client.post(address).status_code == 400
    assert_nothing_imported(local_model)
    assert post(pack(whole)).headers["Location"] == "/models/panel/1/"
    assert local_model.versions.get().imported.imported_by.username == "mia"
    page = client.get("/models/panel/1/").content.decode()
    assert "Imported from" in page and "Label issues" not in page
    answer = client.get("/api/v1/models/panel/versions/1/").json()
    assert answer["imported_from"]["plant"] == trust_store.THIS_PLANT and answer["labels"] is None


def test_pages_that_show_versions_cope_with_one_that_came(
    version: ModelVersion, local_model: RegisteredModel, other_plant: OtherPlant, admin_client: Client
) -> None:
    came = import_version(local_model, other_plant.export(version), by=None)
    pages = {
        "/models/?product=panel": ">16</td>",
        "/models/panel/1/": "8 good and 8 defective images of North",
        "/models/panel/1/promote/": "It was evaluated at North",
        f"/models/run-{came.run_id}/": "1 of 1",
        "/admin/mltasks/modelversion/": "8 good, 8 defective",
        f"/admin/mltasks/modelversion/{came.pk}/change/": "panel version 1",
        f"/admin/mltasks/trainingrun/{came.run_id}/change/": "Imported",
        f"/admin/mltasks/importedversion/{came.imported.pk}/change/": "North",
    }
    found = {address: admin_client.get(address) for address in pages}
    assert {address: answer.status_code for address, answer in found.items()} == dict.fromkeys(pages, 200)
    assert [address for address, words in pages.items() if words not in found[address].content.decode()] == []


def test_admins_trust_and_end_it_by_the_admin(version: ModelVersion, client: Client) -> None:
    boss = make_person("boss", "view_trustedplant", "add_trustedplant", "delete_trustedplant", staff=True)
    client.force_login(boss)
    south, add = OtherPlant(), "/admin/mltasks/trustedplant/add/"
    asked = {"name": "South", "public_key": south.public_key, "fingerprint": "0" * 64}
    assert "The fingerprint of this key is" in client.post(add, asked).content.decode()
    assert not TrustedPlant.objects.exists()
    assert client.post(add, {**asked, "fingerprint": south.fingerprint}).status_code == 302
    plant = TrustedPlant.objects.get()
    assert (plant.name, plant.fingerprint, plant.added_by) == ("South", south.fingerprint, boss)
    one = f"/admin/mltasks/trustedplant/{plant.pk}/"
    assert plant.fingerprint_text in client.get(f"{one}change/").content.decode()
    client.post(f"{one}delete/", {"post": "yes"})
    assert not TrustedPlant.objects.exists()
