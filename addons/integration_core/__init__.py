from . import discreet
from . import models
from . import wizards

discreet.install()
