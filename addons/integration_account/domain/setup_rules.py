"""What must be in place before a charge can become an invoice: facts of a company in, verdict out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from ...integration_core.domain.verdict import Verdict, _, bad, good, graded

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown


def chart_of_accounts(*, income: int, receivable: int) -> Verdict:
    """Judge the chart of accounts.

    Args:
        income: Income accounts of the company.
        receivable: Receivable accounts of the company.
    """
    if income and receivable:
        return good(_("There is a chart of accounts."))
    return bad(
        _("There is no chart of accounts with an income and a receivable account."),
        meaning=_("No invoice can be made."),
        steps=[_("Choose the country's package under Settings → Invoicing → Fiscal Localization.")],
    )


def sales_journal(*, journals: int, chosen_archived: bool, default_account: bool) -> Verdict:
    """Judge the journal in which drafts are made.

    Args:
        journals: Active sales journals of the company.
        chosen_archived: The journal chosen for charges is archived.
        default_account: The journal that would be used has an income account.
    """
    if chosen_archived:
        return bad(
            _("The journal chosen for charges is archived."),
            meaning=_("No invoice can be made from charges."),
            steps=[_("Choose another one under Settings → Integration, or take the archived one back.")],
        )
    if not journals:
        return bad(
            _("There is no sales journal."),
            meaning=_("No invoice can be made."),
            steps=[_("Make one under Invoicing → Configuration → Journals.")],
        )
    if not default_account:
        return graded(
            False,
            _("The sales journal has no default income account."),
            meaning=_("Services without an income account of their own cannot be invoiced."),
            steps=[_("Set it on the journal, or an income account on each service or its category.")],
        )
    return good(_("There is a sales journal with an income account."))


def self_pay_customer(*, chosen: bool, archived: bool, needed: bool, since: datetime | None) -> Verdict:
    """Judge the customer of charges that patients pay themselves.

    Args:
        chosen: One is set for the company.
        archived: It is archived.
        needed: Charges are parked for the lack of one, or a system says that patients pay by default.
        since: Since when charges wait for it (naive UTC); None: none do.
    """
    steps = [_("Choose one under Settings → Integration → Self-pay customer, such as a contact “Self-pay patients”.")]
    if archived:
        return graded(
            needed,
            _("The self-pay customer is archived."),
            meaning=_("Charges that patients pay themselves cannot be invoiced."),
            steps=steps,
            since=since,
        )
    if not chosen:
        return graded(
            needed,
            _("No self-pay customer is chosen."),
            meaning=_("Charges that patients pay themselves, without a guarantor's name, are parked."),
            steps=steps,
            since=since,
        )
    return good(_("There is a self-pay customer."))


def currencies(*, unknown: Collection[str], active: bool, since: datetime | None) -> Verdict:
    """Judge the currencies.

    Args:
        unknown: Codes that charges were sent in and that are not active here.
        active: The company's own currency is active.
        since: Since when such charges wait (naive UTC).
    """
    if unknown:
        return bad(
            _("Charges came in a currency that is not active: %(codes)s."),
            meaning=_("They are parked and their money is at risk."),
            steps=[_("Activate it under Invoicing → Configuration → Currencies, with its rates, or ask the sender.")],
            since=since,
            codes=", ".join(sorted(unknown)),
        )
    if not active:
        return bad(
            _("The company's own currency is not active."),
            meaning=_("No invoice can be made."),
            steps=[_("Activate it under Invoicing → Configuration → Currencies.")],
        )
    return good(_("Every currency that was sent is active."))
