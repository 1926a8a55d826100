"""A field type for the tables that machines write, and what stands for its foreign key."""

from collections.abc import Iterable

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class UncheckedMany2one(fields.Many2one):
    """A many2one without a foreign key, for append-only rows that point to what every transaction shares.

    The statements that write such rows read what they point to, or take its id from the configuration whose stamp they
    compare. A foreign key would look it up once more for every row, and lock it in every transaction; of several at
    once, PostgreSQL keeps a list (a multixact) for the very row that all of them need.

    For models that nobody but the superuser may delete from: they have an ``ondelete`` guard that calls
    :func:`refuse_if_used`.
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
