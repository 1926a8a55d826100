from . import integration_egress_allow
from . import integration_endpoint
from . import integration_credential
from . import integration_subscription
from . import integration_event
from . import integration_delivery
from . import integration_hold
from . import integration_consumer_endpoint
