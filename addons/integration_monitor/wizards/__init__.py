from . import integration_alert_mute
from . import integration_control_total_import
from . import integration_month_export
from . import integration_outage
from . import integration_reason_wizard
