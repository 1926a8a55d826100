from . import integration_event
from . import integration_gate
from . import integration_refusal
from . import integration_refused_message
from . import integration_refused_payload
from . import integration_request
from . import integration_connect
from . import ir_http
