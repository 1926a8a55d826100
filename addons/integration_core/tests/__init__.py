from . import test_approval
from . import test_delivery_count
from . import test_engine
from . import test_hold
from . import test_journal
from . import test_retention
from . import test_system
from . import test_wizards
