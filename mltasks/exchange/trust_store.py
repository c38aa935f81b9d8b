"""Whose versions may come in: this plant's own, and those of plants whose fingerprint a person has compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from mltasks.exchange import signing
from mltasks.models import TrustedPlant
from mltasks.models.trusted_plants import format_fingerprint

# What own versions say of where they came from; stored with the row, so in English.
THIS_PLANT = "this plant"


def trust(name: str, key: bytes, claimed_fingerprint: str, *, by: User | None) -> TrustedPlant:
    """Trust what this key signs from now on. ``claimed_fingerprint`` is the fingerprint as the other plant told it,
    by another way
    than the key came. Raises ValueError, in words, also where the two do not fit."""
    public_key, compared = validate_key(key, claimed_fingerprint)
    return TrustedPlant.objects.create(
        name=validate_name(name), public_key=public_key, fingerprint=compared, added_by=by
    )


def validate_key(key: bytes, claimed_fingerprint: str) -> tuple[str, str]:
    """The key in its one spelling, and its fingerprint. Raises ValueError as ``trust``."""
    public_key = signing.read_public_key(key)
    found = signing.fingerprint(public_key)
    if re.sub(r"[\s:]", "", claimed_fingerprint).lower() != found:
        said = _(
            "The fingerprint of this key is {fingerprint}. Ask the other plant, by telephone for example, what theirs "
            "is, and enter what they say: only if it is the same, the key is theirs."
        )
        raise ValueError(said.format(fingerprint=format_fingerprint(found)))
    if found == signing.fingerprint(signing.own_public_key()):
        raise ValueError(_("This is the key of this very plant, which is always trusted."))
    other = TrustedPlant.objects.filter(fingerprint=found).first()
    if other is not None:
        raise ValueError(_("This key is trusted already: it is that of {plant}.").format(plant=other))
    return public_key, found


def validate_name(name: str) -> str:
    """The name that the plant gets here. Raises ValueError for one that is taken, empty or too long."""
    name = name.strip()
    if not 0 < len(name) <= 80 or name == THIS_PLANT:
        raise ValueError(_("A plant has a name of up to 80 characters."))
    if TrustedPlant.objects.filter(name=name).exists():
        raise ValueError(_("Another key has the name {plant} already.").format(plant=name))
    return name


def find_signer(message: bytes, signature: bytes) -> tuple[str, str] | None:
    """Name and public key of the trusted plant that signed the message; None when none did."""
    for name, public_key in _trusted_keys():
        if signing.is_valid_signature(message, signature, public_key):
            return name, public_key
    return None


def is_trusted(fingerprint: str) -> bool:
    """Whether versions signed by this key may come in now."""
    own = signing.fingerprint(signing.own_public_key())
    return fingerprint == own or TrustedPlant.objects.filter(fingerprint=fingerprint).exists()


def _trusted_keys() -> Iterator[tuple[str, str]]:
    yield THIS_PLANT, signing.own_public_key()
    yield from TrustedPlant.objects.values_list("name", "public_key")
