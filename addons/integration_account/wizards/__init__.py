from . import integration_charge_reject
