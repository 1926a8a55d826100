from . import integration_map_codes
from . import integration_identifier_end
from . import integration_map_suggestion
from . import integration_mapping_dismiss
from . import integration_mapping_export
from . import base_partner_merge
from . import integration_proposal_attach
from . import integration_reason_wizard
