from . import integration_control_total_import
from . import integration_reconciliation_decision
