import doctest

import pytest

from integration_outbound.domain import addresses


def test_examples():
    assert doctest.testmod(addresses).failed == 0


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://warehouse.example.org/in", False),
        ("https://warehouse.example.org:8443/finance-events/inbound", False),
        ("https://me:word@warehouse.example.org/in", True),
        ("https://token@warehouse.example.org/in", True),
        ("https://warehouse.example.org/in?code=1", True),
        ("https://warehouse.example.org/in#x", True),
        ("https://warehouse.example.org/3f2b8f0e-1111-4c1d-9f5e-0123456789ab/in", True),
        ("https://[broken/in", True),
    ],
)
def test_addresses_that_may_hold_a_secret(url, secret):
    assert addresses.may_hold_secret(url) is secret
