"""The small measurements run and measure every client."""

from measure import post_cpu


def test_a_post_is_measured_for_every_client():
    found = post_cpu.measure(posts=5, rounds=1)
    assert set(found) == {"ours", "ours, signed", "http.client", "urllib3", "requests"}
    assert all(value > 0 for value in found.values())


def test_threads_are_measured():
    found = post_cpu.throughput(threads=3, posts=5, rounds=1)
    assert set(found) == {"ours", "http.client"}
    assert all(value > 0 for value in found.values())
