"""A field type for the tables that machines write, and what stands for its foreign key."""

from collections.abc import Iterable

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.sql_db import BaseCursor
from odoo.tools import SQL


class UncheckedMany2one(fields.Many2one):
    """A many2one without a foreign key, for append-only rows that point to what every transaction shares.

    The statements that write such rows read what they point to, or take its id from the configuration whose stamp they
    compare. A foreign key would look it up once more for every row, and lock it in every transaction; of several at
    once, PostgreSQL keeps a list (a multixact) for the very row that all of them need.

    It is for two cases. What it points to is nobody's to delete but the superuser's, and has an ``ondelete`` guard that
    calls :func:`refuse_if_used`. Or the row is written in the transaction that wrote what it points to, or in one that
    has locked that (``FOR KEY SHARE``), and goes with it by :func:`go_with`.
    """

    def update_db_foreign_key(self, model: models.BaseModel, column: object) -> None:
        """Make no foreign key; drop the one that an earlier version made."""
        model.env.cr.execute(
            SQL(
                "ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s",
                SQL.identifier(model._table),
                SQL.identifier(f"{model._table}_{self.name}_fkey"),
            )
        )


def go_with(cr: BaseCursor, table: str, column: str, parent: str, *, forget: bool = False) -> None:
    """Have rows of ``table`` go when the row of ``parent`` goes whose id is in ``column``; for a model's ``init``.

    What ``ON DELETE CASCADE`` does, without the check of every row that is inserted.

    :param str table: whose rows go
    :param str column: an indexed integer
    :param bool forget: ``SET NULL`` instead
    """
    names = {
        "table": SQL.identifier(table),
        "column": SQL.identifier(column),
        "parent": SQL.identifier(parent),
        "trigger": SQL.identifier(f"{table}_goes_with_{column}"),
        "old_key": SQL.identifier(f"{table}_{column}_fkey"),
    }
    what = (
        SQL("UPDATE %s SET %s = NULL", names["table"], names["column"])
        if forget
        else SQL("DELETE FROM %s", names["table"])
    )
    cr.execute(
        SQL(
            """
            ALTER TABLE %(table)s DROP CONSTRAINT IF EXISTS %(old_key)s;
            CREATE OR REPLACE FUNCTION %(trigger)s() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    -- An array: however many go, and whatever the statistics say, the index finds them.
                    %(what)s WHERE %(column)s = ANY (ARRAY(SELECT id FROM gone));
                    RETURN NULL;
                END
            $$;
            DROP TRIGGER IF EXISTS %(trigger)s ON %(parent)s;
            CREATE TRIGGER %(trigger)s AFTER DELETE ON %(parent)s REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION %(trigger)s();
            """,
            what=what,
            **names,
        )
    )


def refuse_if_used(records: models.BaseModel, columns: Iterable[tuple[str, str]]) -> None:
    """Refuse to delete ``records`` as long as a row points to one of them.

    :param columns: (table, column) of each :class:`UncheckedMany2one` that may
    :raises UserError: when there is such a row
    """
    for table, column in columns:
        records.env.cr.execute(
            SQL(
                "SELECT %(column)s FROM %(table)s WHERE %(column)s IN %(ids)s LIMIT 1",
                table=SQL.identifier(table),
                column=SQL.identifier(column),
                ids=tuple(records.ids or [0]),
            )
        )
        if row := records.env.cr.fetchone():
            record = records.browse(row[0])
            raise UserError(records.env._("%s cannot be deleted: events refer to it.", record.display_name))
