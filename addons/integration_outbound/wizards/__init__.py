from . import integration_key_wizard
