"""Keys that never match: what an unknown, suspended or keyless system is verified with.

They are as many and of the same kinds as the keys that they stand in for, so that a refusal costs the same computing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from ..signing import Certificate, PrivateKey, Secret, VerifyKey, decoy_keys
from .keys import KINDS
from .settings import Profile, Settings

Kind: TypeAlias = Literal["secret", "public_key", "certificate"]


def fitting(settings: Settings, keys: Sequence[VerifyKey]) -> tuple[VerifyKey, ...]:
    """Return those of ``keys`` that the profile can use."""
    kinds = KINDS[settings.profile]
    return tuple(key for key in keys if isinstance(key.material, kinds))


def decoys(settings: Settings, stand_in_for: Sequence[VerifyKey]) -> tuple[VerifyKey, ...]:
    """Return keys that match nothing, in place of ``stand_in_for`` (which may be none at all)."""
    if settings.profile is Profile.STANDARD:
        return decoy_keys()
    kinds = [_kind(key) for key in stand_in_for]
    return tuple(_decoy(kind) for kind in kinds or ["certificate" if settings.profile is Profile.MTLS else "secret"])


def _kind(key: VerifyKey) -> Kind:
    if isinstance(key.material, Certificate):
        return "certificate"
    return "secret" if isinstance(key.material, Secret) else "public_key"


@lru_cache
def _decoy(kind: Kind) -> VerifyKey:
    match kind:
        case "certificate":
            return VerifyKey("decoy", Certificate(secrets.token_bytes(32), 0, 1))
        case "secret":
            return VerifyKey("decoy", Secret.generate())
        case "public_key":
            return VerifyKey("decoy", PrivateKey.generate().public_key())
