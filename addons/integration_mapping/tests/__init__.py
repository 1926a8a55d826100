from . import test_entity
from . import test_identifier
from . import test_history
from . import test_task
from . import test_access
from . import test_tour
from . import test_setup_check
from . import test_four_eyes
