"""How fast deliveries to endpoints go out once they may."""

from __future__ import annotations

from benchmark.receiving import Receiver
from benchmark.site import Site, wait_until

_TIMEOUT = 300.0


def drain(site: Site, receiver: Receiver, types: list[str], count: int) -> float:
    """Journal ``count`` events and deliver them; a worker has to run.

    Returns:
        Events per second from the moment that subscriptions are resumed to the last arrival.
    """
    site.inside("ours.pause")
    site.inside("ours.emit", count=count, types=types)
    receiver.reset()
    began: float = site.inside("ours.resume")
    rate = count / (receiver.last(count, _TIMEOUT) - began)
    wait_until(lambda: not site.inside("ours.open_deliveries"), 60, "every delivery is complete")
    return rate
