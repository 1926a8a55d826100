from . import integration_ledger
from . import integration_ledger_line
from . import integration_receipt
from . import integration_overview_words
from . import integration_overview_money
from . import integration_overview_plumbing
from . import integration_overview_setup
from . import integration_overview
