"""Receivers and certificates for the length of a test."""

import pytest
from receivers import Authority, Receiver


@pytest.fixture
def receive():
    receivers = []

    def start(script, context=None):
        receivers.append(Receiver(script, context))
        return receivers[-1]

    yield start
    for receiver in receivers:
        receiver.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))
