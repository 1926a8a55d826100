from dataclasses import replace

from odoo import api, fields, models, tools
from odoo.tools import SQL

from ..domain.book import NOBODY, Book, alike
from .integration_keyring import loaded_ring

# What this process knows by heart, per database.
_books = {}


def known_book(dbname):
    """Return the :class:`book.Book` that this process knows of a database, of whatever configuration, or None.

    :raises KeyringError: without a usable master key
    """
    book = _books.get(dbname)
    # That its keyring belongs to this database was seen when the book was read.
    return book if book and book.ring is loaded_ring() else None


class IntegrationConfiguration(models.Model):
    """One row whose stamp changes with every change of what gate, journal and engine believe.

    That is systems, keys, types, subscriptions, what decides which of those gets an event, and where messages go.

    A process may keep what it read under a stamp for as long as the stamp is still there. The database itself changes
    it, in the transaction of the change, whoever makes the change and by whatever way; so nothing that was revoked is
    believed after the commit, and no process has to be told.
    """

    _name = "integration.configuration"
    _description = "State of the configuration"
    _log_access = False
    _rec_name = "stamp"

    stamp = fields.Char(required=True, readonly=True)
    place = fields.Char(
        readonly=True, help="Where this database was made: its PostgreSQL cluster and its number there."
    )

    def init(self):
        self._init_stamp()
        self._init_place()

    def _init_stamp(self):
        # A stamp is never used twice: a rolled back change must not leave a number that the next change uses, too.
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION integration_configuration_changed() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                -- The parameters of Odoo are still there when the suite was uninstalled.
                IF to_regclass('integration_configuration') IS NOT NULL THEN
                    UPDATE integration_configuration SET stamp = gen_random_uuid();
                END IF;
                RETURN NULL;
            END $$;
            INSERT INTO integration_configuration (stamp)
            SELECT gen_random_uuid() WHERE NOT EXISTS (SELECT FROM integration_configuration);
            -- A copy of a database gets another identity; the master key belongs to the first.
            DROP TRIGGER IF EXISTS integration_identity_changed ON ir_config_parameter;
            CREATE TRIGGER integration_identity_changed AFTER INSERT OR UPDATE ON ir_config_parameter
                FOR EACH ROW WHEN (NEW.key = 'database.uuid') EXECUTE FUNCTION integration_configuration_changed();
            """
        )
        # Other code may store other things: a process that has not loaded it yet does so before it stores more.
        # Odoo tells it with a new row, and now and then sweeps the old ones away, which is news for nobody.
        self._follow("orm_signaling_registry", only_new=True)

    def _init_place(self):
        """Have the database remember where it is, so that a copy under the same identity can tell.

        It lies in another place when it was restored from a dump or copied within PostgreSQL. It does not when its
        whole cluster goes on elsewhere, as with a physical backup or a replica that takes over: that is the original.
        A database that gets another identity, as Odoo gives to copies that it makes, is at home where it is: its own
        master key file is needed anyway.
        """
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION integration_place() RETURNS text LANGUAGE plpgsql STABLE AS $$
            DECLARE
                cluster text := '';
            BEGIN
                -- Not everywhere may everybody ask.
                IF has_function_privilege('pg_control_system()', 'EXECUTE') THEN
                    SELECT system_identifier::text INTO cluster FROM pg_control_system();
                END IF;
                RETURN cluster || '/' || (SELECT oid FROM pg_database WHERE datname = current_database());
            END $$;
            CREATE OR REPLACE FUNCTION integration_identity_renewed() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF to_regclass('integration_configuration') IS NOT NULL THEN
                    UPDATE integration_configuration SET place = integration_place();
                END IF;
                RETURN NULL;
            END $$;
            DROP TRIGGER IF EXISTS integration_identity_renewed ON ir_config_parameter;
            CREATE TRIGGER integration_identity_renewed AFTER UPDATE ON ir_config_parameter FOR EACH ROW
                WHEN (NEW.key = 'database.uuid' AND NEW.value IS DISTINCT FROM OLD.value)
                EXECUTE FUNCTION integration_identity_renewed();
            UPDATE integration_configuration SET place = integration_place() WHERE place IS NULL;
            """
        )

    @api.model
    @tools.ormcache()
    def _is_at_home(self):
        """Tell whether this database lies where it was made, as far as this process has seen."""
        self.env.cr.execute("SELECT place = integration_place() FROM integration_configuration")
        return bool(self.env.cr.fetchone()[0])

    @api.model
    def _settle_here(self):
        """Take the place where this database lies now as the one it was made in."""
        self.env.cr.execute(
            "UPDATE integration_configuration SET place = integration_place(), stamp = gen_random_uuid()"
        )
        self.env.registry.clear_cache()

    @api.model
    def _follow(self, table, columns=(), only_new=False):
        """Have every change of ``table`` change the stamp; for a model's ``init``.

        :param columns: of updates, only those of these columns count; for a table in which the engine keeps notes
        :param only_new: only new rows count
        """
        of = SQL("OF %s", SQL(", ").join(map(SQL.identifier, columns))) if columns else SQL()
        changes = SQL("INSERT") if only_new else SQL("INSERT OR UPDATE %s OR DELETE OR TRUNCATE", of)
        trigger = SQL.identifier("integration_configuration_changed")
        self.env.cr.execute(
            SQL(
                """
                DROP TRIGGER IF EXISTS %(trigger)s ON %(table)s;
                CREATE TRIGGER %(trigger)s AFTER %(changes)s ON %(table)s
                    FOR EACH STATEMENT EXECUTE FUNCTION integration_configuration_changed();
                """,
                trigger=trigger,
                changes=changes,
                table=SQL.identifier(table),
            )
        )

    @api.model
    def _stamp(self):
        """Return the stamp of now, as this transaction sees it; its own changes count."""
        self.env.flush_all()
        self.env.cr.execute("SELECT stamp FROM integration_configuration")
        return self.env.cr.fetchone()[0]

    @api.model
    def _current(self):
        """Return the :class:`book.Book` of the configuration as this transaction sees it.

        :raises KeyringError: without a usable master key
        """
        ring = self.env["integration.keyring"]._get()
        book = _books.get(self.env.cr.dbname)
        if book is None or book.ring is not ring or book.stamp != self._stamp():
            book = _books[self.env.cr.dbname] = self._read(ring)
        return book

    def _read(self, ring):
        vault = self.env["integration.keyring"]._vault()  # first: it makes the first data key
        # The stamp goes before what it stands for: what changes in between is read anew, never believed.
        stamp = self._stamp()
        self.env.invalidate_all()
        # sudo: the gate and the journal work for senders whom nobody logged in
        known = [system._as_party() for system in self.env["integration.system"].sudo().search([])]
        signatures = dict.fromkeys(party.signature for party in known if party.keys) or [NOBODY.signature]
        nobodies = [replace(NOBODY, signature=signature) for signature in signatures]
        filled = alike([*nobodies, *known])
        nobodies, parties = filled[: len(nobodies)], filled[len(nobodies) :]
        return Book(
            stamp=stamp,
            ring=ring,
            vault=vault,
            parties={party.code: party for party in parties},
            types={kind.name: kind for kind in self.env["integration.event.type"].sudo()._for_gate()},
            nobodies=tuple(nobodies),
        )
