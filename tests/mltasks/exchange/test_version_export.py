"""A version leaves as one signed file, and the key that signs is one, private, and the plant's own."""

from __future__ import annotations

import io
import stat
import subprocess
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client

from mltasks.exchange import signing, version_export
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.models.trusted_plants import format_fingerprint
from mltasks.vision.serving import bundle
from tests.mltasks.conftest import make_person
from tests.mltasks.tiny_version import shrink
from tests.tiny_model import MakeVersion, replace_file


@pytest.fixture(autouse=True)
def key_file(settings: Any, tmp_path: Path) -> Path:
    settings.VERSIONS_DIR = tmp_path / "versions"
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing.pem"
    return tmp_path / "keys" / "signing.pem"


@pytest.fixture
def version(model: RegisteredModel, make_version: MakeVersion, key_file: Path) -> ModelVersion:
    return shrink(make_version(model))


def test_of_processes_that_need_a_key_at_once_one_makes_it(key_file: Path) -> None:
    keys: list[str] = []
    ready = threading.Barrier(8)

    def ask() -> None:
        ready.wait()
        keys.append(signing.own_public_key())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8 and len(set(keys)) == 1
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600 and stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert list(key_file.parent.iterdir()) == [key_file]


def test_a_broken_key_is_told_and_never_replaced(key_file: Path) -> None:
    key_file.parent.mkdir()
    key_file.write_text("no key")
    with pytest.raises(ImproperlyConfigured, match="Restore it"):
        signing.sign(b"message")
    assert key_file.read_text() == "no key"


def test_openssl_alone_can_check_the_signature(version: ModelVersion, tmp_path: Path) -> None:
    call_command("export_version", "plate", "1", str(tmp_path), stdout=(out := io.StringIO()))
    path = tmp_path / "plate-v1.slv"
    assert format_fingerprint(signing.fingerprint(signing.own_public_key())) in out.getvalue()
    with zipfile.ZipFile(path) as opened:
        assert not [one for one in opened.infolist() if one.compress_type != zipfile.ZIP_STORED]
        assert not [name for name in opened.namelist() if name.endswith((".pkl", ".pickle", ".pt", ".pth"))]
        opened.extractall(tmp_path / "out")
    check = "openssl pkeyutl -verify -pubin -inkey export.pem -rawin -in export.json -sigfile export.sig"
    assert subprocess.run(check.split(), cwd=tmp_path / "out", capture_output=True).returncode == 0
    assert bundle.digest(tmp_path / "out" / "bundle") == version.sha256


def test_standard_output_holds_the_version_alone(
    version: ModelVersion, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    call_command("export_version", "plate", "1", str(tmp_path / "out.slv"))
    capfdbinary.readouterr()
    call_command("export_version", "plate", "1", "-")
    printed = capfdbinary.readouterr()
    with zipfile.ZipFile(io.BytesIO(printed.out)) as streamed, zipfile.ZipFile(tmp_path / "out.slv") as written:
        assert streamed.namelist() == written.namelist() and streamed.testzip() is None
    assert b"standard output: " in printed.err


def test_a_damaged_version_does_not_leave(version: ModelVersion, tmp_path: Path) -> None:
    replace_file(version.path / "model.safetensors", b"damaged")
    with pytest.raises(CommandError, match=r"model\.safetensors"):
        call_command("export_version", "plate", "1", str(tmp_path / "out.slv"))
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_it_is_downloaded_whole_by_who_may_promote(version: ModelVersion, client: Client) -> None:
    address = "/models/plate/1/export/"
    client.force_login(make_person("ada", "view_modelversion"))
    assert client.get(address).status_code == 403
    client.force_login(make_person("mia", "promote_modelversion"))
    answer = client.get(address)
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="plate-v1.slv"'
    assert int(answer.headers["Content-Length"]) == len(content) > 1000
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert b'"exported_by": "mia"' in opened.read("export.json")
    assert client.get("/models/plate-key.pem").status_code == 404
    assert client.get("/models/plant-key.pem").content.decode() == signing.own_public_key()


def test_the_file_on_its_way_has_no_name_that_a_crash_could_leave(version: ModelVersion, tmp_path: Path) -> None:
    before = sorted((tmp_path / "versions").rglob("*"))
    with version_export.export_to_temporary_file(version, by=None) as file:
        assert file.read(2) == b"PK"
        assert sorted((tmp_path / "versions").rglob("*")) == before
