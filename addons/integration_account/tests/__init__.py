from . import test_lines
from . import test_billing
from . import test_reversal
from . import test_payer
from . import test_parking
from . import test_amounts
from . import test_finance_events
from . import test_access
