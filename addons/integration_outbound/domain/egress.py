"""The egress guard: to which addresses the server may connect on behalf of an endpoint.

Whoever may enter an address could otherwise make the server ask its own network, or the cloud's metadata service, for
things that they may not see (server-side request forgery). Therefore: ``https`` only, with one strict reading of the
URL; every address that the name resolves to is classified, and one forbidden address among them refuses the name; the
connection goes to a vetted address, so a second look-up cannot change it. Plain ``http`` and private or loopback
addresses need the exact ``host:port`` on the administrator's allow-list. Metadata, link-local, multicast and reserved
addresses are never reached, whatever a list says.

Sources: RFC 6890 and the IANA special-purpose address registries, RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380 (Teredo).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from typing import Final

MAX_URL_CHARS: Final = 2048

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?(?P<target>[/?].*)?",
    re.IGNORECASE,
)
_URL_CHARACTERS: Final = re.compile(r"[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]+")  # RFC 3986 §2, without the fragment's
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER_LIKE: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Kind(str, Enum):
    """What an address is for."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    SHARED = "shared"  # between a provider and its customers: RFC 6598
    LINK_LOCAL = "link_local"
    METADATA = "metadata"
    MULTICAST = "multicast"
    UNSPECIFIED = "unspecified"
    RESERVED = "reserved"


_LISTABLE: Final = frozenset({Kind.LOOPBACK, Kind.PRIVATE, Kind.SHARED})


class EgressError(Exception):
    """An address may not be used. ``code`` is ``bad_url`` or ``egress_refused``; ``detail`` does not repeat the URL."""

    def __init__(self, code: str, detail: str) -> None:
        """Keep the code and the sentence for the endpoint's owner."""
        self.code = code
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True)
class Target:
    """Where a URL leads. ``host`` is in lower case, without brackets; ``path`` is the request target with its query."""

    scheme: str
    host: str
    port: int
    path: str
    allow_listed: bool

    @cached_property
    def is_address(self) -> bool:
        """Whether the host is an IP address rather than a name."""
        return _address(self.host) is not None

    @cached_property
    def authority(self) -> str:
        """What the ``Host`` header says (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @cached_property
    def place(self) -> tuple[str, str, int]:
        """Scheme, host and port: what connections, and failures to make one, have in common."""
        return self.scheme, self.host, self.port


def allow_key(host: str, port: int) -> str:
    """Return the form in which the allow-list names a host and port: ``host:port``, IPv6 in brackets."""
    bare = host.strip().strip("[]").lower()
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def parse_url(url: str, *, allowed: Collection[str] = ()) -> Target:
    """Read an endpoint's URL in the one way that leaves no room for another reading.

    ``allowed`` are the allow-list's ``host:port`` entries. Raises :class:`EgressError`: ``bad_url`` for a text that is
    no acceptable URL, ``egress_refused`` for plain http to a place that is not on the list.
    """
    key, listed, unlisted = _reading(url)
    target = listed if key in allowed else unlisted
    if target.scheme == "http" and not target.allow_listed:
        raise EgressError("egress_refused", "Plain http is allowed only to a host and port on the allow-list.")
    return target


@lru_cache(maxsize=1024)
def _reading(url: str) -> tuple[str, Target, Target]:
    """Return the allow-list's name for a URL's place, and where it leads if listed and if not.

    The reading of a URL never changes; the list may, so it is asked each time.
    """
    match = _match(url)
    scheme = match["scheme"].lower()
    host, port = _place(match)
    path = match["target"] or "/"
    path = path if path.startswith("/") else f"/{path}"
    return allow_key(host, port), Target(scheme, host, port, path, True), Target(scheme, host, port, path, False)


def place_of(url: str) -> tuple[str, int]:
    """Return the host and port that an allow-list entry for ``url`` would name; :class:`EgressError` ``bad_url``."""
    return _place(_match(url))


def origin_of(url: str) -> str:
    """Return ``scheme://host:port``, which endpoints on one server have in common; :class:`EgressError` ``bad_url``."""
    key, target, _unlisted = _reading(url)
    return f"{target.scheme}://{key}"


@lru_cache(maxsize=4096)
def classify(address: str) -> Kind:
    """Return what an IP address is for; ValueError when the text is no address.

    An IPv6 address that carries an IPv4 address is what the carried one is.
    """
    found = ipaddress.ip_address(address)
    embedded = _embedded(found) if isinstance(found, ipaddress.IPv6Address) else None
    if embedded is not None:
        return _classify(embedded)
    return _classify(found)


def permitted(address: str, *, allow_listed: bool) -> bool:
    """Tell whether a connection to an address may be made."""
    kind = classify(address)
    return kind is Kind.PUBLIC or (allow_listed and kind in _LISTABLE)


def vet(addresses: Iterable[str], target: Target) -> tuple[str, ...]:
    """Return the addresses of a target when every one of them is permitted, else raise :class:`EgressError`.

    One forbidden address among good ones is how a name is rebound to an inner service, so it refuses all.
    """
    found = tuple(dict.fromkeys(addresses))
    if not found:
        raise EgressError("egress_refused", "The host has no address.")
    for address in found:
        kind = _kind_or_reserved(address)
        if kind is Kind.PUBLIC or (target.allow_listed and kind in _LISTABLE):
            continue
        if kind in _LISTABLE:
            detail = f"The host has a {kind.value} address, and its exact host and port are not on the allow-list."
        else:
            detail = f"The host has a {kind.value} address, which is never allowed."
        raise EgressError("egress_refused", detail)
    return found


def choose(addresses: Sequence[str], target: Target) -> str:
    """Return the address to connect to, after vetting all."""
    return vet(addresses, target)[0]


def _match(url: str) -> re.Match[str]:
    if len(url) > MAX_URL_CHARS:
        raise EgressError("bad_url", f"A URL may have at most {MAX_URL_CHARS} characters.")
    match = _URL.fullmatch(url)
    if match is None or _URL_CHARACTERS.fullmatch(url) is None:
        raise EgressError(
            "bad_url",
            "The URL must be https://host/path in ASCII (international names as xn--…), without user, password,"
            " fragment, spaces or backslashes.",
        )
    return match


def _place(match: re.Match[str]) -> tuple[str, int]:
    host = _read_host(match["host"].lower())
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[match["scheme"].lower()]
    if not 1 <= port <= 65535:
        raise EgressError("bad_url", "The port must be between 1 and 65535.")
    return host, port


def _read_host(host: str) -> str:
    if host.startswith("["):
        return _read_ipv6(host[1:-1])
    if _address(host) is not None:
        return host
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise EgressError("bad_url", "The host is not a valid name; it must not end in a dot.")
    if _NUMBER_LIKE.fullmatch(labels[-1]):
        # Resolvers read 127.1, 0x7f000001 and 2130706433 as addresses; only the plain dotted form is unambiguous.
        raise EgressError("bad_url", "An IPv4 address must be written as four plain decimal numbers.")
    return host


def _read_ipv6(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise EgressError("bad_url", "The host is not a valid IPv6 address.") from None


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _kind_or_reserved(address: str) -> Kind:
    try:
        return classify(address)
    except ValueError:  # a zone index, or nothing that can be an address
        return Kind.RESERVED


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # container credentials
        "169.254.170.23",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
# The first match counts. Python's own is_global differs between the supported versions, so the tables are here.
_TABLE: Final[tuple[tuple[Kind, tuple[Network, ...]], ...]] = (
    (Kind.UNSPECIFIED, _networks("0.0.0.0/32", "::/128")),
    (Kind.LOOPBACK, _networks("127.0.0.0/8", "::1/128")),
    (Kind.PRIVATE, _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
    (Kind.SHARED, _networks("100.64.0.0/10")),
    (Kind.LINK_LOCAL, _networks("169.254.0.0/16", "fe80::/10")),
    (Kind.MULTICAST, _networks("224.0.0.0/4", "ff00::/8")),
    (
        Kind.RESERVED,
        _networks(
            "0.0.0.0/8",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "2001::/23",  # Teredo, benchmarking, ORCHID and other protocol assignments
            "2001:db8::/32",
            "3fff::/20",
            "64:ff9b:1::/48",
        ),
    ),
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def _classify(address: Address) -> Kind:
    if address in _METADATA:
        return Kind.METADATA
    for kind, networks in _TABLE:
        if any(address.version == network.version and address in network for network in networks):
            return kind
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return Kind.RESERVED
    return Kind.PUBLIC


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    number = int(address)
    if address in _NAT64:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address((number >> 80) & 0xFFFFFFFF)
    if address in _COMPATIBLE and number > 0xFFFF:  # '::' and '::1' are addresses of their own
        return ipaddress.IPv4Address(number)
    return None
