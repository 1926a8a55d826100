from . import claims
from . import runner
