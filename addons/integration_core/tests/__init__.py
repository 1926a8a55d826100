from . import test_approval
from . import test_engine
from . import test_explained
from . import test_journal
from . import test_order
from . import test_system
from . import test_wizards
from . import test_loops
