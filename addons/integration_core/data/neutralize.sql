-- A copy for tests sends and accepts nothing: its keys are blank, its systems suspended. The master key belongs to the
-- original database anyway; this also takes away what a copied key file would open.
UPDATE integration_credential
   SET state = 'revoked', sealed = NULL, data_key_id = NULL, public_key = NULL;
DELETE FROM integration_key_wizard;
UPDATE integration_system
   SET state = 'suspended', mode = 'test', approval_state = 'draft';
UPDATE integration_approval SET state = 'withdrawn', decided_at = now() AT TIME ZONE 'UTC'
 WHERE state = 'waiting' AND res_model = 'integration.system';
