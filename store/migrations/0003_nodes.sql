-- +goose Up

-- It holds nothing: where several nodes share the database, transactions that write
-- take their turn by locking it.
CREATE TABLE turn (
    held BOOLEAN
);

-- The servers that share the database, as each says of itself. Times are the
-- database's own. A node acts on all changes up to the event confirmed, the last of
-- which it heard of after lag microseconds; 0 = it knew of it when it came.
CREATE TABLE nodes (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    heard_at   BIGINT NOT NULL,
    confirmed  BIGINT NOT NULL,
    lag        BIGINT NOT NULL
);

-- By what a server key is recognised: the digest of a text that is no secret. It
-- keeps a node away that has another key under the same name, or none that fits.
CREATE TABLE key_checks (
    key_id TEXT PRIMARY KEY,
    digest BYTEA NOT NULL
);
