"""Trusted keys: this plant's own, and those of plants whose fingerprint a person compared."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mltasks.exchange import signing
from mltasks.models import TrustedPlant
from mltasks.models.trusted_plants import format_fingerprint

# Origin of this plant's own exports; stored in rows, so not translated.
THIS_PLANT = "this plant"


def trust(name: str, key: bytes, claimed_fingerprint: str, *, by: User | None) -> TrustedPlant:
    """Trust versions signed by this key from now on.

    ``claimed_fingerprint`` is what the other plant told by another channel than the key came by. Raises ValueError,
    also if the fingerprint does not match the key.
    """
    public_key, fingerprint = validate_key(key, claimed_fingerprint)
    return TrustedPlant.objects.create(
        name=validate_name(name), public_key=public_key, fingerprint=fingerprint, added_by=by
    )


def validate_key(key: bytes, claimed_fingerprint: str) -> tuple[str, str]:
    """Return the key in canonical PEM and its fingerprint. Raises ValueError as ``trust`` does."""
    public_key = signing.read_public_key(key)
    fingerprint = signing.fingerprint(public_key)
    if re.sub(r"[\s:]", "", claimed_fingerprint).lower() != fingerprint:
        text = _(
            "The fingerprint of this key is {fingerprint}, not the entered one. Ask the other plant for its "
            "fingerprint, for example by telephone. Only if both are equal, the key belongs to that plant."
        )
        raise ValueError(text.format(fingerprint=format_fingerprint(fingerprint)))
    if fingerprint == signing.fingerprint(signing.own_public_key()):
        raise ValueError(_("This is this plant's own key, which is always trusted."))
    plant = TrustedPlant.objects.filter(fingerprint=fingerprint).first()
    if plant is not None:
        raise ValueError(_("This key is already trusted: it belongs to {plant}.").format(plant=plant))
    return public_key, fingerprint


def validate_name(name: str) -> str:
    """Return the trimmed name of a plant. Raises ValueError if it is taken, empty or too long."""
    name = name.strip()
    if not 0 < len(name) <= 80 or name == THIS_PLANT:
        raise ValueError(_("Enter another name, of 1 to 80 characters."))
    if TrustedPlant.objects.filter(name=name).exists():
        raise ValueError(_("The name {plant} is already taken. Enter another name.").format(plant=name))
    return name


def find_signer(message: bytes, signature: bytes) -> tuple[str, str] | None:
    """Return name and public key of the trusted plant that signed the message; None if none did."""
    keys = [(THIS_PLANT, signing.own_public_key()), *TrustedPlant.objects.values_list("name", "public_key")]
    return next((pair for pair in keys if signing.is_valid_signature(message, signature, pair[1])), None)


def is_trusted(fingerprint: str) -> bool:
    """Return True if versions signed by this key may be imported now."""
    own = signing.fingerprint(signing.own_public_key())
    return fingerprint == own or TrustedPlant.objects.filter(fingerprint=fingerprint).exists()
