"""Data that is not part of this repository and may lie beside it; tests on it say so where it is absent."""

from pathlib import Path

import pytest

CLINICAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "clinical"


def folder(name: str) -> Path:
    """Return a folder of the outside data, or end the test with the one allowed reason."""
    path = CLINICAL / name
    if not path.is_dir():
        pytest.skip("not run: data absent")
    return path
