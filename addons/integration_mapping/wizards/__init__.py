from . import integration_map_codes
from . import integration_identifier_end
from . import integration_rule_end
