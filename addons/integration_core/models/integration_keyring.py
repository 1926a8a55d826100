import os

from odoo import api, models
from odoo.tools import config

from ..domain import hashing, keyring
from ..domain.sender import Vault


def loaded_ring():
    """Return the keyring of this server, whichever database it belongs to.

    :raises KeyringError: as :meth:`IntegrationKeyring._get`
    """
    return keyring.load(path=config.get("integration_master_key_file") or None)


class IntegrationKeyring(models.AbstractModel):
    """The master key as this database may use it, and the data keys that it wraps.

    The master key comes from a file or the environment, never from the database. Its file names the database it
    belongs to, and the database knows where it was made: in a copy nothing is sent or accepted.
    """

    _name = "integration.keyring"
    _description = "Keyring"

    @api.model
    def _get(self):
        """Return the keyring of this database.

        :raises KeyringError: with a remedy that is safe to show, when there is no usable key or it belongs to another
            database
        """
        ring = loaded_ring()
        # sudo: the database's own identity, which every user's request needs
        database_uuid = self.env["ir.config_parameter"].sudo().get_param("database.uuid")
        if not ring.matches(database_uuid):
            raise keyring.KeyringError(keyring.Problem.OTHER_DATABASE)
        if not self.env["integration.configuration"]._is_at_home():
            raise keyring.KeyringError(keyring.Problem.MOVED_DATABASE)
        return ring

    @api.model
    def _status(self):
        """Return why nothing is sent or accepted, in words for an administrator, or None when all is well."""
        error = self._error()
        return error and error.remedy

    @api.model
    def _error(self):
        """Return the :class:`KeyringError` for which nothing is sent or accepted, or None when all is well."""
        try:
            self._get()
        except keyring.KeyringError as error:
            return error
        return None

    @api.model
    def _path(self):
        """Return the path of the master key file, or None where the key comes from the environment's text."""
        return config.get("integration_master_key_file") or os.environ.get(keyring.FILE_VARIABLE) or None

    @api.model
    def _data_key(self):
        """Return the data key that new secrets are sealed with, made on first use."""
        return self.env["integration.data.key"]._active()

    @api.model
    def _vault(self):
        """Return the :class:`Vault` of now.

        :raises KeyringError: without a usable master key
        """
        record, key = self._data_key()
        return Vault(record.id, key, hashing.KeyedHasher(self._hash_key()))

    @api.model
    def _seal(self, plaintext, *, aad):
        """Encrypt ``plaintext`` (bytes).

        :param str aad: what the bytes belong to, such as ``integration.payload:<event uuid>``; needed again to open
            them
        :return: (data key record id, sealed bytes)
        :raises KeyringError: without a usable master key
        """
        record, key = self._data_key()
        return record.id, key.encrypt(plaintext, aad=aad).data

    @api.model
    def _data_key_row(self):
        """Return (data key record id, :class:`keyring.DataKey`) to seal with.

        :raises KeyringError: without a usable master key
        """
        record, key = self._data_key()
        return record.id, key

    @api.model
    def _open(self, data_key_id, sealed, *, aad):
        """Decrypt what :meth:`_seal` returned.

        :raises KeyringError: without the key, or when the bytes or their place were tampered with
        """
        key = self.env["integration.data.key"].browse(data_key_id)._unwrap()
        return key.decrypt(keyring.Sealed(keyring.ALGORITHM, key.id, bytes(sealed)), aad=aad)

    @api.model
    def _open_all(self, rows):
        """Decrypt many: each row is (data key record id, sealed bytes, aad). Return the bytes in the same order.

        :raises KeyringError: as :meth:`_open`
        """
        keys = {}
        opened = []
        for data_key_id, sealed, aad in rows:
            key = keys.get(data_key_id)
            if key is None:
                key = keys[data_key_id] = self.env["integration.data.key"].browse(data_key_id)._unwrap()
            opened.append(key.decrypt(keyring.Sealed(keyring.ALGORITHM, key.id, bytes(sealed)), aad=aad))
        return opened

    @api.model
    def _keyed_hash(self, text, *, scope):
        """Return the keyed hash (hex) of an identifier that must not be readable in the database."""
        return self._hasher().hash(text, scope=scope)

    @api.model
    def _hasher(self):
        """Return the :class:`hashing.KeyedHasher` of this database, for many identifiers.

        :raises KeyringError: without a usable master key
        """
        return hashing.KeyedHasher(self._hash_key())

    @api.model
    def _hash_key(self):
        # The first data key stays the one that hashes are made with: they must stay comparable when data keys change.
        record = self.env["integration.data.key"]._first()
        return record._unwrap().derive("identifier-hash")
