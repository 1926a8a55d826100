from . import models
from . import plain
