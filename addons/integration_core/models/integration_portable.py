from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .. import portable
from ..domain import portable as rules
from ..domain.keyring import KeyringError
from .integration_keyring import loaded_ring

ADMIN = "integration_core.group_admin"


class IntegrationPortable(models.AbstractModel):
    """The configuration as one document: which models are in it, how it goes out, and how it comes in."""

    _name = "integration.portable"
    _description = "Configuration as a document"

    # -- which models

    @api.model
    def _natural_keys(self):
        """Return {model of Odoo's: ((field, domain), …)}: by which fields its records are known, the best first.

        Hook for addons whose records refer to further models. A field counts where it is unique among the records of
        the domain; an XML id of a module goes before all of them.
        """
        return {
            "res.company": (("company_registry", []), ("vat", [])),
            # Companies alone: the reference of a person may be a patient's number. Addresses share their tax ID.
            "res.partner": (
                ("ref", [("is_company", "=", True)]),
                ("vat", [("is_company", "=", True), ("parent_id", "=", False)]),
            ),
            "integration.document.type": (("code", []),),
        }

    @api.model
    def _is_portable(self, name):
        return (
            name in self.env.registry.descendants(["integration.portable.mixin"], "_inherit")
            and not self.env[name]._abstract
        )

    @api.model
    def _kinds(self, part="all"):
        """Return the names of the models in a document, each after those that it refers to."""
        names = self.env.registry.descendants(["integration.portable.mixin"], "_inherit")
        names = [name for name in names if not self.env[name]._abstract]
        needs = {name: [self.env[name]._fields[one].comodel_name or "" for one in self._names(name)] for name in names}
        return [name for name in rules.in_order(needs) if part in ("all", self.env[name]._portable_part)]

    @api.model
    def _names(self, name):
        """Return the fields of a model that are carried, those of its key first.

        :raises ValueError: where it declares a field that must not be
        """
        model = self.env[name]
        names = [*dict.fromkeys((*model._portable_key(), *model._portable_fields()))]
        for one in names:
            field = model._fields[one]
            hidden = field.groups == fields.NO_ACCESS
            if not rules.may_travel(one, field.type, refers_to=field.comodel_name or "", hidden=hidden):
                raise ValueError(f"{name}.{one} must not leave the database: take it out of its portable fields")
        return names

    @api.model
    def _stored_names(self, name):
        return [one for one in self._names(name) if self.env[name]._fields[one].store]

    @api.model
    def _environment(self):
        """Return what the master key calls this database, such as ``test``; empty without one."""
        try:
            return loaded_ring().environment
        except KeyringError:
            return ""

    @api.model
    def _label(self, name):
        """Return what a kind is called on screens; its own name where no addon here has it."""
        # sudo: what a model is called is no secret
        return self.env["ir.model"].sudo()._get(name).name or name

    @api.model
    def _told(self, entry):
        """Return what an object is known by, as a person reads it."""
        return rules.told(entry.item.key)

    @api.model
    def _details(self, entry):
        """Return the lines that say why an object is refused, or what changes and what follows."""
        if entry.outcome is rules.Outcome.REFUSED:
            return [entry.reason]
        changes = []
        for one in entry.changes if entry.outcome is rules.Outcome.CHANGED else ():
            label = self.env[entry.model]._fields[one.field]._description_string(self.env)
            changes.append(f"{label}: {rules.told(one.old)} → {rules.told(one.new)}")
        return [*changes, *([entry.note] if entry.note else [])]

    @api.model
    def _file_name(self):
        """Return what a file with an export of today is called."""
        origin = "".join(one if one.isalnum() else "-" for one in self._environment()) or "odoo"
        return f"configuration-{origin}-{fields.Date.today()}.json"

    @api.model
    def _document_words(self, error):
        """Return why some bytes are no document (:class:`~..domain.portable.DocumentError`), for a person."""
        match error.code:
            case "too_large":
                return self.env._("It is larger than %s MiB. Export its parts one by one.", rules.MAX_BYTES >> 20)
            case "not_json":
                return self.env._("This is no strict JSON: %s.", error.place)
            case "format":
                return self.env._("This is no configuration that this release can read. It must say: %s.", rules.FORMAT)
            case "digest":
                return self.env._(
                    "Its digest does not fit: it was cut or edited after it was exported. Export it again, and leave "
                    "out here what is not to be taken."
                )
        return self.env._("This is no configuration as its schema says. At %s.", error.place)

    # -- out and in

    @api.model
    def _check_administrator(self):
        """Refuse whoever is no administrator.

        :raises AccessError: for them
        """
        if not self.env.user.has_group(ADMIN):
            raise AccessError(self.env._("Integration administrators export and import the configuration."))

    @api.model
    def _outgoing(self, companies, part="all"):
        """Return what a document of these companies says, as :class:`~..portable.Outgoing`; told by nobody yet."""
        self._check_administrator()
        if companies - self.env.user.company_ids:
            raise AccessError(self.env._("You do not work in each of these companies."))
        return portable.Outgoing(self.env, companies, part)

    @api.model
    def _export(self, companies, part="all"):
        """Return (the document as bytes, what was left out as (model, name, why)); the audit trail tells of it."""
        outgoing = self._outgoing(companies, part)
        document = outgoing.document()
        counts = ", ".join(f"{name} {len(items)}" for name, items in document.content.items() if items)
        detail = f"sha256 {document.digest}; {counts}"
        for company in companies:
            self.env["integration.audit"]._record("configuration.export", detail=detail, company=company)
        return document.write(), outgoing.omitted

    @api.model
    def _incoming(self, data, left_out=()):
        """Return a document compared with what is here, as :class:`~..portable.Incoming`.

        :param bytes data: the document
        :param left_out: places of objects that are not to be taken
        :raises DocumentError: for what is no document
        """
        self._check_administrator()
        incoming = portable.Incoming(self.env, rules.read(data), left_out)
        incoming.plan()
        return incoming

    @api.model
    def _try(self, data, left_out=()):
        """Return (entries, what is absent as (model, name), digest of what was found): a dry run.

        Everything is tried out in a transaction of its own that never commits: what models refuse is found by doing it.
        """
        with self.env.registry.cursor() as cr:
            # sudo is not carried over: whoever tries must be allowed what they would do
            env = self.env(cr=cr, su=False)
            incoming = env["integration.portable"]._incoming(data, left_out)
            digest = incoming.digest()
            absent = [(name, record.display_name) for name, record in incoming.absent()]
            portable.Carrier(incoming, trying=True).carry_out()
            cr.rollback()
        return incoming.entries, absent, digest

    @api.model
    def _import(self, data, digest, left_out=()):
        """Carry out what somebody has looked at: all of it, or nothing.

        :param str digest: what :meth:`_try` returned
        :return: the incoming, or None where something has changed since, so that it must be looked at again
        :raises UserError: when something is refused after all
        """
        # Two imports at once: the second finds that this row was changed, and is begun anew by Odoo.
        self.env.cr.execute("UPDATE integration_configuration SET stamp = gen_random_uuid()")
        incoming = self._incoming(data, left_out)
        if incoming.digest() != digest:
            return None
        if any(entry.outcome is rules.Outcome.REFUSED for entry in incoming.entries):
            raise UserError(self.env._("Leave out what is refused, or mend its cause: all of it is taken, or nothing."))
        portable.Carrier(incoming).carry_out()
        self._tell_of(incoming)
        return incoming

    @api.model
    def _companies_of(self, document):
        """Return [(what the document calls a company, what it is called here, or that there is none)]."""
        incoming = portable.Incoming(self.env, document)
        unknown = self.env._("none in which you work")
        return [(rules.told(one), found.name or unknown) for one, found in incoming.companies_by_reference()]

    def _tell_of(self, incoming):
        counts = {one: sum(entry.outcome is one for entry in incoming.entries) for one in rules.Outcome}
        told = ", ".join(f"{one.value} {count}" for one, count in counts.items() if count)
        origin = incoming.document.environment or "unknown"
        detail = f"sha256 {incoming.document.digest}; from: {origin}; {told}"
        for company in incoming.companies or self.env.company:
            self.env["integration.audit"]._record("configuration.import", detail=detail, company=company)
