from . import integration_demo_records
from . import integration_demo_finance
from . import integration_demo_systems
from . import integration_demo
