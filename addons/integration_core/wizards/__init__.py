from . import integration_copy_wizard
from . import integration_reason_wizard
from . import integration_hold_wizard
from . import integration_payload_wizard
from . import integration_break_glass_review
from . import integration_key_wizard
from . import integration_assign_wizard
from . import integration_audit_wizard
