from . import controllers
from . import models
from . import wizards
from .controllers.short_way import install as post_load
