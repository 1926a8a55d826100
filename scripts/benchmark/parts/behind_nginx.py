"""Accepting signed messages behind the nginx of the installation guide while somebody floods it with forgeries."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from benchmark.bed import Bed
from benchmark.figures import Figure, paired, ratio_at_least
from benchmark.parts.inbound import WORKERS, post, signed
from benchmark.site import MeasureError, Process, Site, free_port
from simulator.transport import FORGED_SECRET
from suite import packages
from suite.layout import CHECKOUT
from suite.nginx import GATE, PEOPLE, Front, Nginx

FORGERIES: Final = 2_000
"""Forgeries per second that are sent, whatever becomes of them."""
STRANGERS: Final = tuple(f"127.0.{net}.{number}" for net in range(100, 102) for number in range(1, 101))
"""Two hundred addresses that nginx has not been told of."""
SENDER: Final = ("127.0.50.1",) * 100
"""One address that nginx knows as a sender's, with a hundred connections: more than nginx lets wait, so that it has to
answer each forgery that is too much, and not just leave it unread."""
_CLASSES: Final = {"127.0.0.1/32": "engine", "127.0.50.0/24": "sender"}
_LEAST_SHARE: Final = 0.9
"""Of the forgeries; with fewer it was no flood of that rate."""
_VARIANTS: Final = 500


@dataclass(frozen=True)
class Fronted:
    """A site with the nginx before it.

    Attributes:
        site: The site.
        nginx: The nginx.
        authority: Whom its certificate is signed by.
    """

    site: Site
    nginx: Nginx
    authority: Path

    @property
    def url(self) -> str:
        """Where the demo hospital's clinical record posts to."""
        return f"{self.nginx.url}/integration/v1/inbound/ehr"

    def post(self, count: int) -> float:
        """Post signed messages as the interface engine; return how many were accepted per second."""
        secret = self.site.built.systems["ehr"]["secret"]
        told = post(self.site, self.url, signed(secret, count), cafile=self.authority)
        return count / float(told["took"])

    @contextmanager
    def flooded(self, sources: tuple[str, ...]) -> Iterator[None]:
        """Have forgeries come from ``sources`` during the block.

        Raises:
            MeasureError: There were fewer of them than there should have been.
        """
        file = self.site.folder / "flood.json"
        asked = {
            "target": {"host": GATE, "port": self.nginx.front.https_port, "cafile": str(self.authority)},
            "requests": [as_bytes(self.url, one) for one in signed(FORGED_SECRET, _VARIANTS)],
            "sources": sources,
            "per_second": FORGERIES,
        }
        file.write_text(json.dumps(asked), encoding="utf-8")
        log = self.site.folder / "flood.log"
        command = [sys.executable, "-m", "benchmark.flood", str(file)]
        process = Process(command, {"PYTHONPATH": str(CHECKOUT / "scripts")}, log)
        try:
            process.wait_for("flood ready")
            yield
        finally:
            process.stop()
        _check_flood(json.loads(file.read_text(encoding="utf-8")))


def as_bytes(url: str, message: tuple[dict[str, str], str]) -> str:
    """Return a request as it goes over the wire, its bytes as Latin-1."""
    headers, body = message
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.hostname}", f"content-length: {len(body.encode())}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]) + body.encode().decode("latin-1")


def _check_flood(told: dict[str, Any]) -> None:
    rate = told["sent"] / told["took"]
    if rate < _LEAST_SHARE * FORGERIES:
        raise MeasureError(f"only {rate:.0f} forgeries per second were sent; {told['unsent']} could not be")
    wrong = set(told["statuses"]) - {"401", "429", "503"}
    if wrong:
        raise MeasureError(f"forgeries were answered {told['statuses']}")


@contextmanager
def fronted(bed: Bed, workers: int = WORKERS) -> Iterator[Fronted]:
    """Give a site with Odoo's prefork workers and nginx before it, whose rate limits by system are lifted."""
    from suite.certificates import Authority  # the environment that has what it needs is made by this very program

    with bed.ours() as site:
        site.inside("ours.admit_everything")
        site.inside("ours.pause", consumer="handler")
        authority = Authority(site.folder, "authority")
        server = authority.issue("server", GATE, PEOPLE)
        with site.serving(workers=workers, options=("--proxy-mode",)) as odoo:
            front = Front(
                http_port=free_port(),
                https_port=free_port(),
                odoo=urlsplit(odoo.url).netloc,
                certificate=server.certificate,
                certificate_key=server.key,
                client_authority=authority.file,
                senders=_CLASSES,
                connections=8 * workers,
            )
            folder = site.folder / "nginx"
            folder.mkdir()
            with Nginx(front, folder) as nginx:
                yield Fronted(site, nginx, authority.file)


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure what honest senders lose to a flood from two hundred strange addresses, and from a known one."""
    packages.ensure([packages.for_nginx()], bed.home / "setup.log", note)
    count = bed.options.pick(60, 1_500)
    floods = {"200 strange addresses": STRANGERS, "one known address": SENDER}
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in floods}
    with fronted(bed) as front:
        front.post(50)
        for turn in range(bed.options.rounds):
            for name, sources in floods.items():
                note(f"round {turn + 1}: {name}")
                alone = front.post(count)
                with front.flooded(sources):
                    beside = front.post(count)
                rounds[name].append((beside, alone))
    return [
        paired(
            f"behind nginx with {FORGERIES} forgeries/s from {name}, messages/s; without", pairs, ratio_at_least(0.8)
        )
        for name, pairs in rounds.items()
    ]
