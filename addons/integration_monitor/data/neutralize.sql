-- A copy of the database is read by nobody: its monitoring is another one's.
UPDATE integration_metrics_token
   SET salt = NULL, digest = NULL, previous_salt = NULL, previous_digest = NULL, previous_until = NULL,
       revoked_at = now() AT TIME ZONE 'UTC'
 WHERE digest IS NOT NULL;
