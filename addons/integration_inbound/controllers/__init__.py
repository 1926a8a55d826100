from . import dispatcher
from . import health
from . import hostless
from . import inbound
from . import jwks
from . import nodb
from . import pages
from . import short_way


def post_load():
    """Put in front of Odoo's own methods what has to come before them."""
    hostless.install()
    short_way.install()
