"""Trained version on disk: files, weights, JSON keys, digest, and seeds of the training."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

# What the training decides by what it sees in the images: keys that may differ between machines
BY_DATA = {
    "meta.json fusion.detectors",
    "meta.json novelty.together",
    "report.json suspects",
}
# In an exported version: names of files, and what is in the report already
ELSEWHERE = {"export.json bundle.files", "export.json report"}
# Values that readers of the file depend on
VALUES = {"meta.json format", "meta.json outputs", "meta.json classes", "meta.json input.layout"}
SEED_BYTES = 7
SHA256, FOLD = re.compile(r"[0-9a-f]{64}"), re.compile(r"fold-\d+")


def files(folder: Path) -> Iterator[str]:
    """Yield the names of all files of a version, numbers as ``N``."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield re.sub(r"\d+", "N", path.relative_to(folder).as_posix())


def weights(folder: Path) -> Iterator[str]:
    """Yield the names and types of the tensors of ``model.safetensors``."""
    with safe_open(folder / "model.safetensors", "np") as stored:
        for name in stored.keys():  # noqa: SIM118 (no mapping)
            yield f"{name} {stored.get_slice(name).get_dtype()}"


def json_keys(folder: Path) -> Iterator[str]:
    """Yield the paths of all keys of ``meta.json`` and ``report.json``."""
    for name in ("meta.json", "report.json"):
        yield from keys(name, (folder / name).read_text(encoding="utf-8"))


def exported(archive: Path) -> Iterator[str]:
    """Yield the names in an exported version, and the paths of all keys of ``export.json``."""
    with zipfile.ZipFile(archive) as members:
        yield from (re.sub(r"\d+", "N", name) for name in members.namelist())
        yield from keys("export.json", members.read("export.json").decode())


def keys(name: str, text: str) -> Iterator[str]:
    """Yield the paths of all keys of a JSON document; ``[]`` stands for elements of a list.

    Values that readers of the document depend on are added.
    """
    yield from _below(json.loads(text), f"{name} ")


def _below(node: Any, path: str) -> Iterator[str]:
    if path in VALUES:
        yield f"{path} = {json.dumps(node)}"
    elif not node or path in BY_DATA | ELSEWHERE or not isinstance(node, dict | list):
        yield path
    elif isinstance(node, list):
        for value in node:
            yield from _below(value, f"{path}[]")
    else:
        for key, value in node.items():
            yield from _below(value, f"{path}{'' if path.endswith(' ') else '.'}{FOLD.sub('fold-N', key)}")


def digest(folder: Path) -> str:
    """Return the SHA-256 of one line for each file but the manifest, sorted by name."""
    recorded = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    lines = "".join(f"{recorded[name]}  {name}\n" for name in sorted(recorded))
    return hashlib.sha256(lines.encode()).hexdigest()


def masked(text: str) -> str:
    """Return the text without hashes of images and without folds.

    Both follow from the bytes of the JPEG encoder.
    """
    return FOLD.sub("fold-N", SHA256.sub("<sha256>", text))


def hashed_while(train: Callable[[], Any]) -> tuple[Any, list[str]]:
    """Train, and return the result with all short texts that SHA-256 was given meanwhile."""
    real, texts = hashlib.sha256, set[str]()

    def listening(content: Any = b"", **options: Any) -> Any:
        text = bytes(content).decode("utf-8", "replace") if len(content) < 200 else ""
        if text.isprintable() and text:
            texts.add(text)
        return real(content, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "sha256", listening)
        result = train()
    return result, sorted(texts)


def seeds(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts from which the seeds of a training come.

    A derived seed is replaced by its own text in parentheses: ``(7:fold-0):dense`` is the purpose ``dense`` of the seed
    for ``7:fold-0``. Hashes of images follow from the JPEG encoder and are replaced by ``<sha256>``.
    """
    known = {_seed(text): text for text in texts}
    for text in texts:
        yield SHA256.sub("<sha256>", _resolved(text, known))


def _resolved(text: str, known: dict[str, str]) -> str:
    seed, separator, purpose = text.partition(":")
    return f"({_resolved(known[seed], known)}){separator}{purpose}" if seed in known else text


def _seed(text: str) -> str:
    return str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:SEED_BYTES], "big"))
