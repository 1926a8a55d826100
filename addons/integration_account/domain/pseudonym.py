"""The name by which finance tells patients apart: made from a keyed hash of the patient number, never from a name.

It is the beginning of the hash, short enough to be read out: 48 bits, of which a million patients share one in a
fifth of a percent of all cases, so what must be certain compares whole hashes. It is still personal data (GDPR article
4(5)): whoever has the key and a patient number can find the patient's invoices.
"""

from __future__ import annotations

from typing import Final

_GROUP: Final = 4
_GROUPS: Final = 3


def of(patient_ref: str | None) -> str | None:
    """Return the pseudonym for a keyed hash in hexadecimal, such as ``P-3F9A-01C2-77DE``; None without one."""
    if not patient_ref:
        return None
    text = patient_ref[: _GROUP * _GROUPS].upper()
    return "-".join(["P", *(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))])
