from . import test_contract
from . import test_fuzz
from . import test_order
from . import test_pages
from . import test_refusal
from . import test_refused_message
from . import test_standard_webhooks
from . import test_status
