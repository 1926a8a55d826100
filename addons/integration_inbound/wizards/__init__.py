from . import integration_certificate_wizard
from . import integration_refused_decision
