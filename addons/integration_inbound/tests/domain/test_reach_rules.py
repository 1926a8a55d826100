"""The rules of how messages reach this database, each in each of its states."""

import pytest

from addons.integration_inbound.domain import setup_rules as rules


def selection(visible, *, filtered=False, listed=False):
    return rules.database_selection(database="hospital", visible=visible, filtered=filtered, listed=listed)


def address(url, *, frozen=True, production=True):
    return rules.public_address(url=url, frozen=frozen, production=production)


def proxy(*, https=True, proxy_mode=True, forwarded=None):
    return rules.proxy(https=https, proxy_mode=proxy_mode, forwarded=forwarded)


CASES = {
    "not offered": (selection(["other"]), "danger", "does not offer the database hospital"),
    "several": (selection(["hospital", "other"]), "warning", "X-Odoo-Database: hospital"),
    "listed": (selection(["hospital"], listed=True), "warning", "list_db = False"),
    "filtered": (selection(["hospital"], filtered=True), "warning", "db_name = hospital"),
    "chosen": (selection(["hospital"]), "success", "without naming it"),
    "no address": (address(""), "danger", "web.base.url"),
    "local": (address("http://localhost:8069"), "danger", "localhost:8069"),
    "local by number": (address("https://127.0.0.1"), "danger", "127.0.0.1"),
    "local by IPv6": (address("https://[::1]:8069"), "danger", "::1"),
    "local, trying": (address("http://localhost:8069", production=False), "warning", "localhost"),
    "unencrypted": (address("http://odoo.example.org"), "danger", "https"),
    "unencrypted, trying": (address("http://odoo.example.org", production=False), "warning", "https"),
    "not frozen": (address("https://odoo.example.org", frozen=False), "warning", "web.base.url.freeze"),
    "public": (address("https://odoo.example.org"), "success", "https://odoo.example.org"),
    "proxy unknown": (proxy(proxy_mode=False), "warning", "proxy_mode = True"),
    "proxy unknown, seen": (proxy(https=False, proxy_mode=False, forwarded=True), "warning", "proxy_mode = True"),
    "proxy passed by": (proxy(forwarded=False), "warning", "without one"),
    "proxy": (proxy(forwarded=True), "success", "knows it"),
    "proxy, asked from a shell": (proxy(), "success", "knows it"),
    "no proxy": (proxy(https=False, proxy_mode=False, forwarded=False), "success", "no proxy"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_is_told(name):
    verdict, level, words = CASES[name]
    assert verdict.level == level
    assert words in " ".join([verdict.text, verdict.meaning, *verdict.steps]) % verdict.values
    assert bool(verdict.meaning and verdict.steps) == (level != "success")
