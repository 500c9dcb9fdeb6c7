-- +goose Up

-- What hangs on a server key is what still lives: a key is given up when nothing does.
DROP INDEX credentials_by_key;
CREATE INDEX credentials_live_by_key ON credentials (key_id, expires_at) WHERE revoked_at IS NULL;
DROP INDEX access_tokens_by_key;
CREATE INDEX access_tokens_live_by_key ON access_tokens (key_id, expires_at) WHERE revoked_at IS NULL;
