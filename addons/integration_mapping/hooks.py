"""Installation: what the database must be able to do before the tables are made."""

import psycopg2
from odoo.exceptions import UserError


def pre_init_hook(env):
    """Make sure that PostgreSQL can keep two answers for one code apart.

    The exclusion constraint of ``integration.identifier`` compares numbers for equality inside a GiST index, which the
    extension ``btree_gist`` provides. It ships with PostgreSQL and is trusted: a database's owner may create it.

    :raises UserError: when it is neither there nor creatable, with the remedy.
    """
    env.cr.execute("SELECT 1 FROM pg_extension WHERE extname = 'btree_gist'")
    if env.cr.fetchone():
        return
    try:
        with env.cr.savepoint(flush=False):
            env.cr.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    except psycopg2.Error as error:
        raise UserError(
            env._(
                "PostgreSQL's extension btree_gist is needed and could not be created in this database (%(cause)s)."
                " It is part of PostgreSQL (package postgresql-contrib where a distribution splits it off). Have the"
                " owner of the database run CREATE EXTENSION btree_gist; and install again.",
                cause=str(error).strip().splitlines()[0],
            )
        ) from error
