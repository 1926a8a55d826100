from . import base_partner_merge
from . import integration_bank_callback
from . import integration_charge_reject
