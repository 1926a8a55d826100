"""The egress guard: one reading of a URL, every special address known, every resolved address vetted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_outbound.domain import egress
from integration_outbound.domain.egress import EgressError, Kind, Target


def refusal(call, *arguments, **options):
    with pytest.raises(EgressError) as caught:
        call(*arguments, **options)
    return caught.value


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://Example.ORG", Target("https", "example.org", 443, "/", False)),
        ("HTTPS://example.org/a/b?c=d&e=%20", Target("https", "example.org", 443, "/a/b?c=d&e=%20", False)),
        ("https://example.org:8443?x", Target("https", "example.org", 8443, "/?x", False)),
        ("https://xn--bcher-kva.example/", Target("https", "xn--bcher-kva.example", 443, "/", False)),
        ("https://under_score.example/@user", Target("https", "under_score.example", 443, "/@user", False)),
        ("https://93.184.216.34/", Target("https", "93.184.216.34", 443, "/", False)),
        (
            "https://[2606:2800:220:1:0248:1893:25c8:1946]:9/",
            Target("https", "2606:2800:220:1:248:1893:25c8:1946", 9, "/", False),
        ),
    ],
)
def test_read(url, target):
    assert egress.parse_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https:///path",
        "https://",
        "https:/example.org",
        "https://user@example.org/",
        "https://user:password@example.org/",
        "https://good.example\\@evil.example/",
        "https://good.example#@evil.example/",
        "https://example.org/#fragment",
        "https://example.org/a b",
        "https://example.org/\r\nx: y",
        "https://example.org/\t",
        " https://example.org/",
        "https://example.org/\n",
        "https://example.org/é",
        "https://bücher.example/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://example.org./",
        "https://.example.org/",
        "https://exa..mple.org/",
        "https://-example.org/",
        "https://example-.org/",
        "https://" + "a" * 64 + ".org/",
        "https://" + "a." * 127 + "org/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.01/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://0300.0250.1.1/",
        "https://0xa9fea9fe/",
        "https://2852039166/",
        "https://127.0.0.1./",
        "https://169.254.169.254./",
        "https://[::ffff:127.0.0.1]./",
        "https://①②⑦.⓪.⓪.①/",
        "https://localhost%00.example.org/",
        "https://example.org%2f@127.0.0.1/",
        "https://127.0.0.1%20/",
        "https://example.org:443@127.0.0.1/",
        "https://example.org\\@127.0.0.1/",
        "https://127.0.0.1:443:80/",
        "jar:https://example.org/",
        "dict://127.0.0.1:11211/",
        "https:127.0.0.1",
        "https://127.0.0.1.2/",
        "https://256.0.0.1/",
        "https://example.0x7f/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[zz]/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:-1/",
        "https://example.org:/",
        "https://example.org:80a/",
        "https://example.org/" + "a" * 2048,
    ],
)
def test_unacceptable_urls(url):
    error = refusal(egress.parse_url, url)
    assert error.code == "bad_url"
    assert "evil" not in error.detail
    assert "password@" not in error.detail


@given(st.text(), st.sampled_from(["", "https://", "http://", "https://a.example/"]))
def test_any_text_is_read_or_refused(text, start):
    try:
        target = egress.parse_url(start + text)
    except EgressError:
        return
    assert target.path.startswith("/")
    assert target.path.isascii()
    assert not set(target.path) & set(" \r\n\t")


class TestPlainHttp:
    def test_only_where_listed(self):
        assert refusal(egress.parse_url, "http://example.org/").code == "egress_refused"
        listed = {"127.0.0.1:8099", "[::1]:80"}
        assert egress.parse_url("http://127.0.0.1:8099/x", allowed=listed).allow_listed
        assert egress.parse_url("http://[0::1]/", allowed=listed).allow_listed
        for url in ("http://127.0.0.1/", "http://127.0.0.1:8098/", "http://localhost:8099/"):
            assert refusal(egress.parse_url, url, allowed=listed).code == "egress_refused"

    def test_keys(self):
        assert egress.allow_key(" Example.org ", 443) == "example.org:443"
        assert egress.allow_key("::1", 80) == egress.allow_key("[::1]", 80) == "[::1]:80"


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.org/", "example.org"),
        ("https://example.org:443/", "example.org"),
        ("https://example.org:80/", "example.org:80"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
    ],
)
def test_authority(url, authority):
    assert egress.parse_url(url).authority == authority


def test_the_list_is_asked_each_time_though_readings_are_kept():
    url = "http://inner.example:8080/x"
    for _turn in range(2):
        assert egress.parse_url(url, allowed={"inner.example:8080"}).allow_listed
        assert refusal(egress.parse_url, url).code == "egress_refused"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("HTTPS://Example.org/a?b", "https://example.org:443"),
        ("http://example.org", "http://example.org:80"),
        ("https://[2606:4700::0001]:8443/", "https://[2606:4700::1]:8443"),
    ],
)
def test_origins(url, origin):
    assert egress.origin_of(url) == origin


def test_hosts_that_are_addresses_need_no_look_up():
    assert egress.parse_url("https://93.184.216.34/").is_address
    assert egress.parse_url("https://[2606:4700::1]/").is_address
    assert not egress.parse_url("https://example.org/").is_address


KINDS = {
    Kind.PUBLIC: "8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 2606:4700::1111 2a00:1450::1 64:ff9b::808:808"
    " ::ffff:8.8.8.8 2002:808:808::1",
    Kind.LOOPBACK: "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1 2002:7f00:1::"
    " ::127.0.0.1",
    Kind.PRIVATE: "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fd12::1 ::ffff:10.0.0.1 64:ff9b::a00:1"
    " 2002:c0a8:101::1",
    Kind.SHARED: "100.64.0.1 100.127.255.255 ::ffff:100.64.0.1",
    Kind.LINK_LOCAL: "169.254.1.1 fe80::1 febf::1 ::ffff:169.254.1.1",
    Kind.METADATA: "169.254.169.254 169.254.170.2 169.254.170.23 100.100.100.200 168.63.129.16 192.0.0.192"
    " fd00:ec2::254 fd00:ec2::23 fd20:ce::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1",
    Kind.MULTICAST: "224.0.0.1 239.255.255.255 ff02::1",
    Kind.UNSPECIFIED: "0.0.0.0 :: ::ffff:0.0.0.0",
    Kind.RESERVED: "0.1.2.3 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 240.0.0.1 255.255.255.255"
    " 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:db8::1 64:ff9b:1::1 100::1 fec0::1 4000::1 3fff::1"
    " 192.88.99.1",
}


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, address) for kind, text in KINDS.items() for address in text.split()]
)
def test_every_kind_of_address(kind, address):
    assert egress.classify(address) is kind
    listable = kind in (Kind.LOOPBACK, Kind.PRIVATE, Kind.SHARED)
    assert egress.permitted(address, allow_listed=False) == (kind is Kind.PUBLIC)
    assert egress.permitted(address, allow_listed=True) == (kind is Kind.PUBLIC or listable)


@given(st.ip_addresses(v=6) | st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_never_public(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not egress.permitted(str(address), allow_listed=False) or address.version == 6


INNER = [address for kind, text in KINDS.items() if kind is not Kind.PUBLIC for address in text.split()]
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111")


class TestVetting:
    OPEN = Target("https", "example.org", 443, "/", False)
    LISTED = Target("https", "inner.example", 443, "/", True)

    def test_order_is_kept_and_repeats_are_dropped(self):
        found = ["8.8.8.8", "1.1.1.1", "8.8.8.8"]
        assert egress.vet(found, self.OPEN) == ("8.8.8.8", "1.1.1.1")
        assert egress.choose(found, self.OPEN) == "8.8.8.8"

    @pytest.mark.parametrize("bad", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "not an address", "fe80::1%eth0"])
    def test_one_forbidden_address_refuses_the_name(self, bad):
        assert refusal(egress.vet, ["8.8.8.8", bad], self.OPEN).code == "egress_refused"

    @given(
        st.lists(st.sampled_from(PUBLIC), max_size=4),
        st.sampled_from(INNER),
        st.integers(0, 4),
    )
    def test_families_may_be_mixed_and_one_inner_address_anywhere_refuses_all(self, good, bad, place):
        if good:
            assert egress.vet(good, self.OPEN) == tuple(dict.fromkeys(good))
        assert refusal(egress.vet, [*good[:place], bad, *good[place:]], self.OPEN).code == "egress_refused"

    def test_the_list_opens_private_and_loopback_only(self):
        assert egress.vet(["127.0.0.1", "::1", "10.0.0.1"], self.LISTED)
        for bad in ("169.254.169.254", "fe80::1", "::", "224.0.0.1", "::ffff:169.254.169.254"):
            assert "never allowed" in refusal(egress.vet, [bad], self.LISTED).detail

    def test_the_remedy_is_said(self):
        assert "allow-list" in refusal(egress.vet, ["10.0.0.1"], self.OPEN).detail
        assert refusal(egress.vet, [], self.OPEN).code == "egress_refused"
