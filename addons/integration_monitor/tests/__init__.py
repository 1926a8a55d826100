from . import test_ledger
from . import test_reconciliation
from . import test_overview
from . import test_access
from . import test_screens
from . import test_home
from . import test_digest
from . import test_metrics
