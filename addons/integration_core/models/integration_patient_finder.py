from odoo import api, models

from ..domain import hashing, patients
from ..domain.keyring import KeyringError


class IntegrationPatientFinder(models.AbstractModel):
    """Which messages are about one patient, who is known by keyed hashes alone.

    Contents are opened for that by the engine, in batches, and what they say goes no further than the answer.
    """

    _name = "integration.patient.finder"
    _description = "Messages about a patient"

    @api.model
    def _hasher(self, system):
        """Return what makes the keyed hash of a patient number of this system."""
        hasher = hashing.KeyedHasher(self.env["integration.keyring"]._hash_key())
        scope = f"patient:{system.code}"
        return lambda number: hasher.hash(number, scope=scope)

    @api.model
    def _refs(self, system, text):
        """Return the keyed hashes of the patient numbers in ``text``, one a line."""
        return list(map(self._hasher(system), patients.numbers(text)))

    @api.model
    def _patients(self, system, names):
        """Return {encounter: keyed hash of its patient} of those encounters of which that is known; for addons."""
        return {}

    @api.model
    def _encounters(self, system, refs):
        """Return the names of the encounters that are known to be this patient's; for addons."""
        return set()

    @api.model
    def _flows(self, system, names):
        """Return the business flows that messages about these encounters belong to."""
        self.env.cr.execute(
            """
            SELECT DISTINCT e.correlation_id
              FROM integration_receipt r JOIN integration_event e ON e.id = r.event_id
             WHERE r.encounter = ANY (%s) AND r.system_id = %s
            """,
            ([*names], system.id),
        )
        return {row[0] for row in self.env.cr.fetchall()}

    @api.model
    def _look(self, system, events):
        """Return {event id: :class:`patients.Seen`}; what is no longer kept or cannot be opened is unreadable.

        :raises KeyringError: without a usable master key
        """
        hashed = self._hasher(system)
        bodies = self._bodies(events)
        found = {event.id: patients.read(bodies.get(event.id), hashed) for event in events}
        named = self._encounter_names([one for one, seen in found.items() if not seen.readable])
        return {
            one: patients.Seen(encounter=named[one]) if not seen.readable and one in named else seen
            for one, seen in found.items()
        }

    @api.model
    def _bodies(self, events):
        payloads = self.env["integration.payload"]
        try:
            return payloads._load(events)
        except KeyringError:
            self.env["integration.keyring"]._get()
        bodies = {}
        for event in events:  # the key is there: some of them were tampered with
            try:
                bodies.update(payloads._load(event))
            except KeyringError:
                continue
        return bodies

    @api.model
    def _encounter_names(self, ids):
        """Return {event id: encounter} by the receipts of messages that cannot be read."""
        self.env.cr.execute(
            "SELECT event_id, min(encounter) FROM integration_receipt"
            " WHERE event_id = ANY (%s) AND encounter IS NOT NULL GROUP BY event_id",
            (ids,),
        )
        return dict(self.env.cr.fetchall())

    @api.model
    def _answers(self, system, refs, events, more=()):
        """Return {event id: :class:`patients.About`}: whether each of these messages is about the patient.

        :param more: encounters that are the patient's, beside those that are known
        """
        seen = self._look(system, events)
        names = {one.encounter for one in seen.values() if one.encounter}
        known = {**dict.fromkeys(more, refs[0]), **self._patients(system, names)}
        return {one: patients.about(what, refs, known) for one, what in seen.items()}
