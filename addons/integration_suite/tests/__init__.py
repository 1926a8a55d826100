from . import test_calls
from . import test_companies
from . import test_configuration
from . import test_roles
from . import test_screens
from . import test_terms
