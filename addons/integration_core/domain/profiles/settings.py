"""Which profile a system uses, and where its proof and its message ids stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ..signing import Certificate, Material, PublicKey, Secret, TextSecret

_HEADER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SPOKEN_FOR: Final = frozenset(
    {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-odoo-database",
    }
)


class Profile(str, Enum):
    """How a system proves its messages."""

    STANDARD = "standard"
    STRIPE = "stripe"
    GITHUB = "github"
    RFC9421 = "rfc9421"
    MTLS = "mtls"


PROOF_HEADERS: Final = {
    Profile.STANDARD: "webhook-signature",
    Profile.STRIPE: "stripe-signature",
    Profile.GITHUB: "x-hub-signature-256",
    Profile.RFC9421: "signature",
    Profile.MTLS: "x-ssl-client-cert",
}
"""The header with the proof, where a system names no other."""

ID_HEADERS: Final = {
    Profile.STANDARD: "webhook-id",
    Profile.STRIPE: "",
    Profile.GITHUB: "x-github-delivery",
    Profile.RFC9421: "webhook-id",
    Profile.MTLS: "webhook-id",
}
"""The header with the message's id, where a system names no other; empty: there is none."""

RENAMEABLE: Final = frozenset({Profile.STRIPE, Profile.GITHUB, Profile.MTLS})
"""Profiles whose header with the proof may have another name."""


KINDS: Final[Mapping[Profile, tuple[type[Material], ...]]] = {
    Profile.STANDARD: (Secret, PublicKey),
    Profile.STRIPE: (Secret, TextSecret),
    Profile.GITHUB: (Secret, TextSecret),
    Profile.RFC9421: (Secret, PublicKey),
    Profile.MTLS: (Certificate,),
}
"""Which kinds of keys a profile can use; a key of another kind is no key there."""


@dataclass(frozen=True)
class Settings:
    """A system's profile. Header names are in lower case; an empty one stands for the profile's own."""

    profile: Profile = Profile.STANDARD
    signature_header: str = ""
    message_id_header: str = ""

    @property
    def kinds(self) -> tuple[type[Material], ...]:
        """The kinds of keys that it can use."""
        return KINDS[self.profile]

    @property
    def proof_header(self) -> str:
        """The name of the header with the proof."""
        named = self.signature_header if self.profile in RENAMEABLE else ""
        return named or PROOF_HEADERS[self.profile]

    @property
    def id_header(self) -> str:
        """The name of the header with the message's id, or an empty text when there is none."""
        named = self.message_id_header if self.profile is not Profile.STANDARD else ""
        return named or ID_HEADERS[self.profile]


STANDARD: Final = Settings()


def is_header_name(text: str) -> bool:
    """Tell whether a header of this name (lower case) can carry a proof or an id.

    No underscores: servers and proxies drop such headers or mistake them for others. No header that means something
    else to whoever passes the message on.
    """
    return _HEADER_NAME.fullmatch(text) is not None and text not in _SPOKEN_FOR
