from . import integration_event
from . import integration_gate
from . import integration_refusal
from . import integration_refused_message
from . import integration_refused_payload
from . import ir_http
from . import integration_setup_check
from . import integration_setup_guide
