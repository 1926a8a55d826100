from . import test_access
from . import test_delivery
from . import test_endpoint
from . import test_egress_allow
from . import test_outcomes
from . import test_replay
from . import test_tour
from . import test_wire
