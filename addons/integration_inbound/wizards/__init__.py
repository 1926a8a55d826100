from . import integration_certificate_wizard
from . import integration_refused_decision
from . import integration_payload_wizard
