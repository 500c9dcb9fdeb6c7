-- +goose Up

-- To find an application's few clients, or the few of its tokens that are paused or
-- revoked, was a walk along all of its tokens.
CREATE INDEX credentials_newest_clients ON credentials
    (application_id, created_at, id, expires_at, revoked_at) WHERE kind = 'client';
CREATE INDEX credentials_newest_paused ON credentials
    (application_id, created_at, id, kind, expires_at) WHERE revoked_at IS NULL AND paused_at IS NOT NULL;
CREATE INDEX credentials_newest_revoked ON credentials
    (application_id, created_at, id, kind) WHERE revoked_at IS NOT NULL;
