-- +goose Up

-- How long the gateway waits for the head of an API's answer, in seconds; 0 = the
-- default.
ALTER TABLE apis ADD COLUMN timeout BIGINT NOT NULL DEFAULT 0;

-- What is swept is looked for by its age.
CREATE INDEX use_callers_by_age ON use_callers (resolution, start);
CREATE INDEX use_refusals_by_age ON use_refusals (resolution, start);

-- What has ended, the latest first: a page must not walk all that lives to find it.
CREATE INDEX credentials_revoked ON credentials (application_id, kind, revoked_at, id) WHERE revoked_at IS NOT NULL;
CREATE INDEX credentials_expired ON credentials (application_id, kind, expires_at, id, revoked_at) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;
