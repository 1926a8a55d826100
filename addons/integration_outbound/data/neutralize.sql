-- A copy of the database sends nothing: no keys, no approved address, no private receiver, nothing left to send.
UPDATE integration_credential SET sealed = NULL, state = 'revoked' WHERE endpoint_id IS NOT NULL;
UPDATE integration_endpoint
   SET state = 'draft', approval_state = 'draft', approved_mode = NULL, disabled_reason = NULL, disabled_at = NULL;
UPDATE integration_approval SET state = 'withdrawn', decided_at = now() AT TIME ZONE 'UTC'
 WHERE state = 'waiting' AND res_model = 'integration.endpoint';
DELETE FROM integration_egress_allow;
UPDATE integration_delivery SET state = 'skipped', error_code = 'neutralized'
 WHERE consumer = 'endpoint' AND state = 'waiting';
DELETE FROM integration_due
 WHERE subscription_id IN (SELECT id FROM integration_subscription WHERE consumer = 'endpoint');
