from . import controllers
from . import discreet
from . import logs
from . import models
from . import wizards

discreet.install()
logs.install()
