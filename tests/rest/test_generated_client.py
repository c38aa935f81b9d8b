"""A client generated from the schema uploads an image and a batch, by a live server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from inspection.models import Inspection
from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.inspection.sample_images import jpeg

pytestmark = pytest.mark.slow

# A script of a user: only the generated package, the address, the key and two images.
SCRIPT = """
import sys
from pathlib import Path
from second_look_client import AuthenticatedClient
from second_look_client.api.inspections import inspections_create, inspections_create_batch, inspections_retrieve
from second_look_client.models import BatchForm, PartForm
from second_look_client.types import File

url, key, *images = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, prefix="Api-Key")
files = [File(payload=Path(image).open("rb"), file_name="part.jpg", mime_type="image/jpeg") for image in images]
made = inspections_create.sync(client=client, body=PartForm(file=files[0], part_id="part-1"), idempotency_key="first")
for file in files:
    file.payload.seek(0)
parts = '[{"part_id": "part-2"}, {"part_id": "part-3"}]'
batch = inspections_create_batch.sync(client=client, body=BatchForm(file=files, parts=parts))
read = inspections_retrieve.sync(inspection_id=made.id, client=client)
print(made.part_id, read.id == made.id, [(one.status, one.inspection.part_id) for one in batch.results])
"""


@pytest.mark.django_db(transaction=True)
def test_it_uploads_an_image_and_a_batch(live_server: object, tmp_path: Path, settings: object) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]
    _, key = create_station(create_product("plate"), "line-1")
    folder = generate(tmp_path)
    images = [tmp_path / f"{seed}.jpg" for seed in (1, 2)]
    for seed, image in enumerate(images):
        image.write_bytes(jpeg(seed))
    command = [sys.executable, "-c", SCRIPT, live_server.url, key, *map(str, images)]  # type: ignore[attr-defined]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "part-1 True [(201, 'part-2'), (201, 'part-3')]\n", done.stderr
    assert set(Inspection.objects.values_list("part_id", flat=True)) == {"part-1", "part-2", "part-3"}


def generate(folder: Path) -> Path:
    """Generate the client below ``folder`` as a user would. Return the folder to import it from."""
    schema, settings = folder / "schema.yml", folder / "settings.yml"
    call_command("spectacular", "--file", str(schema))
    overrides = dict.fromkeys(("image/*", "image/jpeg", "image/png"), "application/octet-stream")
    # The generator knows no images, and would else format its code with a program that users need not have.
    settings.write_text(json.dumps({"content_type_overrides": overrides, "post_hooks": []}))
    command = [Path(sys.executable).with_name("openapi-python-client"), "generate", "--path", schema]
    options = ["--config", settings, "--output-path", folder / "client", "--fail-on-warning"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "client"
