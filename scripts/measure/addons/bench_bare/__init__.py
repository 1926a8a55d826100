from . import controllers
from . import models
from . import profiling

profiling.start()
