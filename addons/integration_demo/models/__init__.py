from . import integration_demo
from . import integration_demo_finance
from . import integration_demo_systems
