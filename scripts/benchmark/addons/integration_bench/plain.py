"""Contents that are stored as they are: what the part ``encryption`` compares with.

A process that is started with the variable :data:`VARIABLE` neither seals nor opens the contents of messages. Nothing
else changes: keys of systems and endpoints are sealed, hashes keyed, signatures made, and the calls that lead to the
cipher, with the texts that bind a content to its place, are made too.
"""

import os

from odoo.addons.integration_core.domain import keyring

VARIABLE = "INTEGRATION_BENCH_PLAIN"
_CONTENT = "integration.payload:"


def switch():
    """Take the cipher out of this process, for contents alone."""
    seal, decrypt = keyring._seal, keyring._decrypt

    def plain_seal(cipher, plaintext, aad):
        return plaintext if aad.startswith(_CONTENT) else seal(cipher, plaintext, aad)

    def plain_decrypt(key, sealed, aad):
        return bytes(sealed.data) if aad.startswith(_CONTENT) else decrypt(key, sealed, aad)

    keyring._seal, keyring._decrypt = plain_seal, plain_decrypt


if os.environ.get(VARIABLE):
    switch()
