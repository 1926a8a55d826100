from . import test_companies
from . import test_roles
