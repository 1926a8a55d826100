"""What the set-up check says of this addon's own settings."""

import pytest

from addons.integration_core.domain.verdict import Level
from addons.integration_monitor.domain.setup_rules import alert_readers, quiet_hours


@pytest.mark.parametrize(
    ("rules", "zone", "said", "level"),
    [
        (0, "UTC", False, Level.OK),
        (1, "UTC", False, Level.WARNING),
        (1, "UTC", True, Level.OK),
        (1, "Asia/Kathmandu", False, Level.OK),
    ],
)
def test_quiet_hours_in_utc_are_doubtful_unless_somebody_said_so(rules, zone, said, level):
    assert quiet_hours(rules=rules, zone=zone, said=said).level is level


def test_a_company_without_an_administrator_has_nobody_to_tell():
    assert alert_readers(administrators=0).level is Level.WARNING
    assert alert_readers(administrators=1).level is Level.OK
