"""The configuration out of a database and into another: what ``domain/portable.py`` writes, with the ORM.

:class:`Names` knows what Odoo's own records are called in a way that holds elsewhere. :class:`Outgoing` puts what is
here into a document. :class:`Incoming` compares a document with what is here; :class:`Carrier` tries it out and carries
it out. All of them work with the rights of whoever asks; models say by ``integration.portable.mixin`` what of them is
carried.
"""

from .carrying import Carrier
from .incoming import Incoming, Pending
from .outgoing import Outgoing
