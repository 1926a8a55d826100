from . import dispatcher
from . import health
from . import jwks
from . import inbound
from . import nodb
from . import pages
