"""Signature profiles: how a system proves that a message is its own, where it cannot speak Standard Webhooks.

=============  ======================================================  ==============================  ============
profile        what is proven                                          time                            keys
=============  ======================================================  ==============================  ============
``standard``   id, time and body (Standard Webhooks 1.0.0)             ``webhook-timestamp``           ``v1``, ``v1a``
``stripe``     time and body, in one header ``t=…,v1=…``               ``t``                           ``v1``
``github``     the body alone                                          none                            ``v1``
``rfc9421``    what the signature names: method, address, digest of    ``created``                     ``v1``, ``v1a``
               the body and further headers (RFC 9421, RFC 9530)
``mtls``       the TLS connection, by its client certificate           none: the handshake is fresh    certificates
=============  ======================================================  ==============================  ============

Which one holds is a setting of the system; a message never chooses. :func:`verify` never raises, whatever it is given.
"""

from __future__ import annotations

from .settings import STANDARD, Profile, Settings
from .verifying import NOWHERE, Surroundings, verify

__all__ = ["NOWHERE", "STANDARD", "Profile", "Settings", "Surroundings", "verify"]
