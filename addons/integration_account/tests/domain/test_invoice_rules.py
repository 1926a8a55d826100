"""The rules of what an invoice needs, each in each of its states."""

from datetime import datetime

import pytest

from addons.integration_account.domain import setup_rules as rules

SINCE = datetime(2026, 11, 20, 10, 0)


def journal(journals=1, *, chosen_archived=False, default_account=True):
    return rules.sales_journal(journals=journals, chosen_archived=chosen_archived, default_account=default_account)


def customer(*, chosen=True, archived=False, needed=False, since=None):
    return rules.self_pay_customer(chosen=chosen, archived=archived, needed=needed, since=since)


CASES = {
    "no chart": (rules.chart_of_accounts(income=0, receivable=1), "danger", "chart of accounts"),
    "half a chart": (rules.chart_of_accounts(income=3, receivable=0), "danger", "receivable"),
    "a chart": (rules.chart_of_accounts(income=3, receivable=1), "success", "chart of accounts"),
    "no journal": (journal(0), "danger", "no sales journal"),
    "archived journal": (journal(chosen_archived=True), "danger", "archived"),
    "journal without account": (journal(default_account=False), "warning", "income account"),
    "journal": (journal(), "success", "sales journal"),
    "no customer": (customer(chosen=False), "warning", "No self-pay customer"),
    "customer missed": (customer(chosen=False, needed=True, since=SINCE), "danger", "No self-pay customer"),
    "customer archived": (customer(archived=True), "warning", "archived"),
    "archived and missed": (customer(archived=True, needed=True), "danger", "archived"),
    "customer": (customer(needed=True), "success", "self-pay"),
    "currency unknown": (rules.currencies(unknown=["EUR"], active=True, since=SINCE), "danger", "EUR"),
    "currency off": (rules.currencies(unknown=[], active=False, since=None), "danger", "own currency"),
    "currencies": (rules.currencies(unknown=[], active=True, since=None), "success", "active"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_state_is_told(name):
    verdict, level, words = CASES[name]
    assert verdict.level == level
    assert words in " ".join([verdict.text, verdict.meaning, *verdict.steps]) % verdict.values
    assert bool(verdict.meaning and verdict.steps) == (level != "success")


def test_what_waits_tells_since_when():
    assert customer(chosen=False, needed=True, since=SINCE).since == SINCE
    assert rules.currencies(unknown=["EUR"], active=True, since=SINCE).since == SINCE
