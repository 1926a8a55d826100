from . import test_ledger
from . import test_reconciliation
from . import test_overview
from . import test_access
from . import test_screens
from . import test_home
from . import test_control_totals
from . import test_reconciled_periods
