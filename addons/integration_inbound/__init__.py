from . import controllers
from . import models
from . import wizards
from .controllers import post_load
