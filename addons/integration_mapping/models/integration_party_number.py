from odoo import api, fields, models
from odoo.tools import SQL

from ..domain import evidence

SLICE = 5000
"""Contacts that are looked at in one go."""
MANY = 20
"""A number that more contacts than this share is somebody's placeholder, not evidence."""


class IntegrationPartyNumber(models.Model):
    """Numbers by which two records are known to be one party, in the form in which they are compared.

    An index beside Odoo's contacts, so that nothing is added to their table and no search has to normalise it: the VAT
    number, company ID and GLN follow the contact's own fields, numbers for which a contact has no field (NPI, DUNS)
    come from proposals that people accepted. Numbers of open proposals stand here, too.
    """

    _name = "integration.party.number"
    _description = "Number of a party"
    _order = "scheme, value, id"
    _rec_name = "value"
    _log_access = False

    partner_id = fields.Many2one("res.partner", "Contact", readonly=True, ondelete="cascade")
    proposal_id = fields.Many2one("integration.proposal", readonly=True, ondelete="cascade")
    scheme = fields.Selection(
        [(scheme, evidence.LABELS[scheme]) for scheme in evidence.STRONG], required=True, readonly=True
    )
    value = fields.Char("Number", required=True, readonly=True, help="As it is compared.")
    told = fields.Boolean(readonly=True, help="From an accepted proposal, not from the contact's own fields.")

    _one_owner = models.Constraint(
        "CHECK (num_nonnulls(partner_id, proposal_id) = 1)", "A number is a contact's or a proposal's."
    )
    _partner_uniq = models.UniqueIndex(
        "(partner_id, scheme, value) WHERE partner_id IS NOT NULL", "The contact has this number already."
    )
    _proposal_uniq = models.UniqueIndex(
        "(proposal_id, scheme, value) WHERE proposal_id IS NOT NULL", "The proposal has this number already."
    )
    _value_idx = models.Index("(value, scheme)")

    # -- what contacts say ---------------------------------------------------------------------------------------------

    @api.model
    def _partner_fields(self):
        """Return {scheme: the field of a contact that holds it}, of those that this database has."""
        names = {"vat": "vat", "registry": "company_registry", "gln": "global_location_number"}
        fields_of = self.env["res.partner"]._fields
        return {scheme: name for scheme, name in names.items() if name in fields_of}

    @api.model
    def _partner_numbers(self, partners):
        """Return {contact id: {scheme: number}} from the contacts' own fields; one query."""
        names = self._partner_fields()
        columns = SQL(", ").join(SQL("p.%s", SQL.identifier(name)) for name in names.values())
        self.env["res.partner"].flush_model([*names.values(), "country_id", "commercial_partner_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT p.id, c.code, %s FROM res_partner p LEFT JOIN res_country c ON c.id = p.country_id
                 WHERE p.id = ANY(%s) AND p.commercial_partner_id = p.id
                """,
                columns,
                list(partners.ids),
            )
        )
        return {
            partner_id: evidence.numbers(dict(zip(names, texts, strict=True)), country=country)
            for partner_id, country, *texts in rows
        }

    @api.model
    def _follow(self, partners):
        """Let the numbers of these contacts follow their fields: two statements, whatever their number."""
        if not partners:
            return
        found = self._partner_numbers(partners)
        rows = [(one, scheme, value) for one, told in found.items() for scheme, value in told.items()]
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM integration_party_number n
                 WHERE n.partner_id = ANY(%s) AND n.told IS NOT TRUE
                   AND (n.partner_id, n.scheme, n.value) NOT IN (
                       SELECT * FROM unnest(%s::int[], %s::varchar[], %s::varchar[]))
                """,
                list(partners.ids),
                *_columns(rows),
            )
        )
        self._put(rows, told=False)

    @api.model
    def _put(self, rows, *, told):
        """Store (contact id, scheme, number) rows; those that are there stay as they are."""
        if rows:
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO integration_party_number (partner_id, scheme, value, told)
                    SELECT wanted.*, %s FROM unnest(%s::int[], %s::varchar[], %s::varchar[]) AS wanted
                    ON CONFLICT (partner_id, scheme, value) WHERE partner_id IS NOT NULL DO NOTHING
                    """,
                    told,
                    *_columns(sorted(rows)),
                )
            )
        self.invalidate_model()

    @api.model
    def _sweep(self):
        """Look at every contact that has a number, in slices; return how many there were.

        What contacts had before this addon was installed, or what SQL changed, is found here, outside of anybody's
        request; installing scans nothing.
        """
        names = [SQL("%s IS NOT NULL", SQL.identifier(name)) for name in self._partner_fields().values()]
        last, seen = 0, 0
        while True:
            rows = self.env.execute_query(
                SQL(
                    """
                    SELECT id FROM res_partner
                     WHERE id > %s AND active AND commercial_partner_id = id AND (%s) ORDER BY id LIMIT %s
                    """,
                    last,
                    SQL(" OR ").join(names),
                    SLICE,
                )
            )
            if not rows:
                return seen
            ids = [one for (one,) in rows]
            self._follow(self.env["res.partner"].browse(ids))
            last, seen = ids[-1], seen + len(ids)

    @api.model
    def _of_partners(self, partners):
        """Return {contact id: {scheme: number}} as kept, both from fields and from proposals; one query."""
        found = {}
        # sudo: a number is no secret of whoever may see the contact
        for number in self.sudo().search([("partner_id", "in", partners.ids)]):
            found.setdefault(number.partner_id.id, {}).setdefault(number.scheme, number.value)
        return found

    # -- what proposals say --------------------------------------------------------------------------------------------

    @api.model
    def _replace_of_proposals(self, numbers):
        """Store what proposals say: {proposal: {scheme: number}}; strong numbers alone."""
        # sudo: an index that follows what the caller was allowed to write
        index = self.sudo()
        index.search([("proposal_id", "in", [proposal.id for proposal in numbers])]).unlink()
        index.create(
            [
                {"proposal_id": proposal.id, "scheme": scheme, "value": value}
                for proposal, told in numbers.items()
                for scheme, value in told.items()
                if scheme in evidence.STRONG
            ]
        )

    @api.model
    def _sharing(self, proposals):
        """Return what shares a number with these proposals: [(proposal id, Evidence, contact id, other proposal id)].

        One query. Numbers that many contacts share are left out.
        """
        if not proposals.ids:
            return []
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT mine.proposal_id, mine.scheme, mine.value, other.partner_id, other.proposal_id
                  FROM integration_party_number mine
                  CROSS JOIN LATERAL (
                        SELECT n.partner_id, n.proposal_id FROM integration_party_number n
                         WHERE n.value = mine.value AND n.scheme = mine.scheme AND n.id <> mine.id
                         LIMIT %s) other
                 WHERE mine.proposal_id = ANY(%s)
                 ORDER BY mine.proposal_id, other.partner_id, other.proposal_id, mine.scheme
                """,
                MANY,
                list(proposals.ids),
            )
        )
        return [
            (proposal_id, evidence.Evidence(scheme, value, True), partner_id, other_id)
            for proposal_id, scheme, value, partner_id, other_id in rows
        ]


def _columns(rows):
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []]
