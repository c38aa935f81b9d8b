"""Signing key of the plant and signatures of exports, Ed25519 (RFC 8032).

Other plants identify the key by its fingerprint.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from mltasks.storage import atomic_files

# Maximum size of a public key file, in bytes.
MAX_PEM_BYTES = 1000
SIGNATURE_BYTES = 64


def sign(message: bytes) -> bytes:
    """Return the plant's signature of the message, 64 bytes.

    Raises ImproperlyConfigured without a usable key.
    """
    return _load_or_create_key().sign(message)


def own_public_key() -> str:
    """Return the plant's public key as PEM. Raises ImproperlyConfigured without a usable key."""
    return _to_pem(_load_or_create_key().public_key())


def is_valid_signature(message: bytes, signature: bytes, public_key: str) -> bool:
    """Return True if the key signed exactly this message.

    The key is a PEM from ``own_public_key`` or ``read_public_key``.
    """
    try:
        _public_key(public_key.encode()).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def read_public_key(pem: bytes) -> str:
    """Return the public key in canonical PEM. Raises ValueError for anything else."""
    return _to_pem(_public_key(pem))


def fingerprint(public_key: str) -> str:
    """Return the sha256 of the raw key as hex, which people compare."""
    raw = _public_key(public_key.encode()).public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


def _public_key(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem) if len(pem) <= MAX_PEM_BYTES else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(_("This is not a plant's public key. Enter the three lines that `plant_key` prints."))
    return key


def _to_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _load_or_create_key() -> Ed25519PrivateKey:
    """Return the key in SIGNING_KEY_FILE; create it with mode 0600 at the first call."""
    path = Path(settings.SIGNING_KEY_FILE)
    try:
        pem = path.read_bytes() if path.exists() else _make_key(path)
        key = load_pem_private_key(pem, password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ImproperlyConfigured(
            f"{path} cannot be used: {error}. Restore it, or change SIGNING_KEY_FILE."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"{path} is not an Ed25519 key. Restore it, or change SIGNING_KEY_FILE.")
    return key


def _make_key(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # Linking fails if the file exists, where renaming would overwrite it: two processes end up with the same key.
        os.link(draft, path)
        atomic_files.sync_folder(path.parent)
    except FileExistsError:
        pem = path.read_bytes()
    finally:
        draft.unlink(missing_ok=True)
    return pem
