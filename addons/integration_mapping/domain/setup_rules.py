"""What must be in place before codes can be mapped: facts in, verdict out."""

from __future__ import annotations

from ...integration_core.domain.verdict import Verdict, _, doubtful, good

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown


def analytic_plan(*, cost_centers: int) -> Verdict:
    """Judge whether departments and cost centers have something to be mapped to.

    Args:
        cost_centers: Analytic accounts that the company may use.
    """
    if cost_centers:
        return good(_("There are cost centers (analytic accounts)."))
    return doubtful(
        _("There is no cost center (analytic account)."),
        meaning=_("Departments and cost centers cannot be mapped; charges that name one are parked."),
        steps=[_("Make an analytic plan, such as “Cost centers”, and in it one analytic account per cost center.")],
    )
