from . import integration_alert_mute
from . import integration_control_total_import
from . import integration_reconciliation_decision
