"""What the set-up check says of this addon's own settings."""

from __future__ import annotations

from ...integration_core.domain.verdict import Verdict, _, doubtful, good

# pylint: disable=prefer-env-translation; there is no env here, what is marked is looked up where it is shown


def quiet_hours(*, rules: int, zone: str, said: bool) -> Verdict:
    """Judge whether quiet hours are those of where the company is.

    Args:
        rules: How many rules that hold for the company have quiet hours.
        zone: By which time zone they are counted.
        said: Whether the company's own contact says it.
    """
    if not rules:
        return good(_("No alert rule has quiet hours."))
    if zone in ("UTC", "Etc/UTC") and not said:
        return doubtful(
            _("Quiet hours are counted in UTC: neither the company nor its systems say another time zone."),
            meaning=_("People may be told at night, and left alone by day."),
            steps=[_("Choose the time zone of the facility on each system.")],
        )
    return good(_("Quiet hours are counted in the time zone %(zone)s."), zone=zone)


def alert_readers(*, administrators: int) -> Verdict:
    """Judge whether there is somebody to tell of an alert that has no owner who may see it.

    Args:
        administrators: How many integration administrators are allowed in the company.
    """
    if not administrators:
        return doubtful(
            _("No integration administrator is allowed in this company."),
            meaning=_("Of an alert whose owner has left, or may not open it, nobody is told."),
            steps=[_("Allow an integration administrator in the company.")],
        )
    return good(_("%(count)s integration administrators can be told."), count=administrators)
