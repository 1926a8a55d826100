from odoo import api, models

PARTS = [
    ("settings", "Systems, endpoints, subscriptions, billing and retention"),
    ("mappings", "Canonical entities, their codes, and rules of mapping"),
]


class IntegrationPortableMixin(models.AbstractModel):
    """Records that are carried from one database to another in one document of the whole configuration.

    A model says by what another database knows the same record (:meth:`_portable_key`) and what else is carried
    (:meth:`_portable_fields`); the rest follows. Ids, moments, people, secrets and a patient's data never are, whatever
    a model says: declaring such a field ends every export and import with an error
    (:func:`~..domain.portable.may_travel`).

    What a document brings along arrives as if whoever imports it had typed it, so it waits for approval like everything
    else: models put what is new to sleep in :meth:`_portable_prepare`.
    """

    _name = "integration.portable.mixin"
    _description = "Configuration that is carried to another database"

    _portable_part = "settings"
    """To which part of the configuration it belongs, one of :data:`PARTS`."""
    _portable_fixed = ("company_id",)
    """Fields whose difference is a reason to refuse, because the record would be another one."""

    @api.model
    def _portable_key(self):
        """Return the fields by which another database knows the same record."""
        raise NotImplementedError

    @api.model
    def _portable_key_of(self, found):
        """Return the fields of the key where they depend on the record.

        :param found: a record, or what a document says of one, by field
        """
        return self._portable_key()

    @api.model
    def _portable_fields(self):
        """Return the further fields that are carried. Addons add theirs to a list: ``[*super()…(), "mine"]``."""
        return []

    @api.model
    def _portable_fields_of(self, found):
        """Return what is carried beside the key, where that depends on the record; as for :meth:`_portable_key_of`."""
        key = self._portable_key_of(found)
        return [name for name in (*self._portable_key(), *self._portable_fields()) if name not in key]

    @api.model
    def _portable_known(self):
        """Return the domain of the records that count as being there."""
        return []

    @api.model
    def _portable_carried(self):
        """Return the domain of those among them that a document tells of."""
        return []

    def _portable_one_of(self):
        """Return the one record that several of the same key stand for; empty where nobody can tell."""
        return self if len(self) == 1 else self.browse()

    def _portable_withheld(self):
        """Return the names of the fields whose value is secret in this record, so that it stays at home."""
        return set()

    @api.model
    def _portable_refusal(self, values, record):
        """Return why these values are not taken, in words, or None.

        :param values: all that the document says, in terms of this database: ids, or a
            :class:`~..portable.Pending` for what comes with the same document
        :param record: what it is here, or an empty recordset
        """

    def _portable_prepare(self, values):
        """Return what is written for ``values``; of an empty recordset, what is created."""
        return values

    def _portable_note(self, values):
        """Return what follows from writing ``values``, in words; of an empty recordset, from creating such a record."""
        if self and self._portable_stands() and {*values} & {*self._approval_guarded}:
            return self.env._("Its approval ends: it waits until a second person has approved the change.")
        return None

    def _portable_stands(self):
        """Tell whether somebody approved the record, or was asked to."""
        return "approval_state" in self._fields and self.approval_state in ("requested", "approved")

    def _portable_asks(self):
        """Tell whether a second person is asked at once about this record, which is new."""
        return "approval_state" in self._fields and self.approval_state == "draft" and self._approval_needed()

    def _portable_ask(self):
        """Ask a second person about these records."""
        self.action_request_approval()
