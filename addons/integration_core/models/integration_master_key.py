from odoo import api, models

from ..domain import failpoints, key_file

BATCH = 50
"""Data keys that one transaction wraps anew: few, so that nobody waits."""


class IntegrationMasterKey(models.AbstractModel):
    """The rotation of the master key while Odoo runs.

    Steps: *add* a key to the file, make it *active*, *rewrap* the data keys, *forget* the old key. Each is whole or not
    done at all, and after each the file holds every key that the database needs; whoever goes on after a crash begins
    with the step that is due. Running processes read a changed file with the next message.

    Where several hosts have a copy of the file each, it is handed out after *add*, after *activate* and after *forget*.
    """

    _name = "integration.master.key"
    _description = "Rotation of the master key"

    @api.model
    def _status(self):
        """Return (active id, {id: how many data keys it wraps}) with each key of the file and each that is in use.

        :raises KeyringError: without a usable master key
        """
        ring = self.env["integration.keyring"]._get()
        counts = dict.fromkeys(self._ids_of_file(), 0)
        return ring.active_key_id, counts | self.env["integration.data.key"]._count_by_master_key()

    def _ids_of_file(self):
        return key_file.key_ids(key_file.read(self._path()))

    def _path(self):
        path = self.env["integration.keyring"]._path()
        if not path:
            raise key_file.KeyFileError(
                "The master key comes from an environment variable: it can be rotated only where it comes from a file."
            )
        return path

    def _change(self, change):
        """Replace the file by what ``change`` makes of its text."""
        path = self._path()
        self.env["integration.keyring"]._get()  # never change a file that is another database's
        key_file.replace(path, change(key_file.read(path)))

    @api.model
    def _add(self, key_id=None):
        """Add a key that is not active yet; return its id."""
        added = []

        def change(text):
            text, new = key_file.add(text, key_id)
            added.append(new)
            return text

        self._change(change)
        failpoints.hit("master_key.added")
        self.env["integration.audit"]._record("master_key.add", detail=added[0])
        return added[0]

    @api.model
    def _activate(self, key_id):
        """Have this key of the file wrap what is new."""
        self._change(lambda text: key_file.activate(text, key_id))
        failpoints.hit("master_key.activated")
        self.env["integration.audit"]._record("master_key.activate", detail=key_id)

    @api.model
    def _rewrap(self, commit):
        """Wrap every data key anew that another than the active key wraps; return how many.

        :param commit: called after each small batch
        """
        done = 0
        while count := self.env["integration.data.key"]._rewrap(BATCH):
            failpoints.hit("master_key.before_commit")
            commit()
            failpoints.hit("master_key.after_commit")
            done += count
        if done:
            self.env["integration.audit"]._record("master_key.rewrap", detail=str(done))
            commit()
        return done

    @api.model
    def _forget(self, key_id):
        """Take a key out of the file that nothing in the database needs.

        :raises KeyFileError: when something does
        """
        keys = self.env["integration.data.key"]
        keys._hold_back_new()
        key_file.forget(key_file.read(self._path()), key_id)  # refuses what could not be meant
        needed = keys._count_by_master_key().get(key_id)
        if needed:
            raise key_file.KeyFileError(f"'{key_id}' still wraps {needed} data keys: rewrap them first.")
        self._change(lambda text: key_file.forget(text, key_id))
        failpoints.hit("master_key.forgotten")
        self.env["integration.audit"]._record("master_key.forget", detail=key_id)

    @api.model
    def _rotate(self, commit):
        """Do all steps, or those that an earlier rotation left; return (new active id, how many, ids forgotten)."""
        if len(self._ids_of_file()) == 1:
            self._add()
            commit()
        active, newest = self.env["integration.keyring"]._get().active_key_id, self._ids_of_file()[-1]
        if active != newest:
            self._activate(newest)
            commit()
        done = self._rewrap(commit)
        old = [key_id for key_id in self._ids_of_file() if key_id != newest]
        for key_id in old:
            self._forget(key_id)
            commit()
        return newest, done, old
