from . import integration_system
from . import integration_entity
from . import integration_identifier
from . import integration_mapping_task
from . import integration_portable
from . import integration_setup_check
from . import integration_setup_guide
