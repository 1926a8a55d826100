from odoo import api, fields, models
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

    def init(self):
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
        self._follow("orm_signaling_registry")

    @api.model
    def _follow(self, table, columns=()):
        """Have every change of ``table`` change the stamp; for a model's ``init``.

        :param columns: of updates, only those of these columns count; for a table in which the engine keeps notes
        """
        of = SQL("OF %s", SQL(", ").join(map(SQL.identifier, columns))) if columns else SQL()
        trigger = SQL.identifier("integration_configuration_changed")
        self.env.cr.execute(
            SQL(
                """
                DROP TRIGGER IF EXISTS %(trigger)s ON %(table)s;
                CREATE TRIGGER %(trigger)s AFTER INSERT OR UPDATE %(of)s OR DELETE OR TRUNCATE ON %(table)s
                    FOR EACH STATEMENT EXECUTE FUNCTION integration_configuration_changed();
                """,
                trigger=trigger,
                of=of,
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
    def _believed(self):
        """Return the :class:`book.Book` that this process knows, of whatever configuration that was.

        :raises KeyringError: without a usable master key
        """
        return known_book(self.env.cr.dbname) or self._current()

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
        nobody, *parties = alike([NOBODY, *known])
        return Book(
            stamp=stamp,
            ring=ring,
            vault=vault,
            parties={party.code: party for party in parties},
            types={kind.name: kind for kind in self.env["integration.event.type"].sudo()._for_gate()},
            nobody=nobody,
        )
