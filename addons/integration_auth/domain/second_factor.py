"""Whether whoever acts has shown a second factor: something beside the password that one has or is.

NIST SP 800-63B-4, section 2.2, asks for two factors where personal data are reached; a passkey that verifies its user
is two in one (section 3.1.7), a code sent by mail is the weakest that Odoo knows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

SHOWN: Final = frozenset({"passkey", "totp", "totp_mail"})
"""Ways to sign in, by Odoo's names, of which each is or brings a second factor."""
PROVIDER: Final = "oauth"
"""An identity provider outside, whose own demands Odoo cannot see."""


@dataclass(frozen=True)
class SignIn:
    """What is known of how the user of a request has signed in.

    Attributes:
        has_session: The request belongs to a session of the user's own. One that came with a key or a password, as
            programs do, shows one factor.
        asked: Odoo has asked every session of this user for a code (its second step is an authenticator app).
        methods: How the user has proven who they are in this session, by Odoo's names.
    """

    has_session: bool
    asked: bool
    methods: Collection[str]


def is_shown(sign_in: SignIn, *, trusts_provider: bool) -> bool:
    """Tell whether a second factor was shown.

    Args:
        sign_in: How the user has signed in.
        trusts_provider: The identity provider asks for a second factor itself.
    """
    if not sign_in.has_session:
        return False
    methods = set(sign_in.methods)
    return sign_in.asked or bool(methods & SHOWN) or (trusts_provider and PROVIDER in methods)
