-- +goose Up

-- What ended for good, in the order in which it did: written in the act's own
-- transaction, and from here to the file of revocations beside the database. Rows
-- are swept in time, but never the last one.
CREATE TABLE endings (
    n    BIGINT PRIMARY KEY,
    at   BIGINT NOT NULL,
    kind TEXT NOT NULL,
    id   TEXT NOT NULL
);
CREATE INDEX endings_by_age ON endings (at);

-- Where the chain of events goes on after older events were moved out: the last of
-- those, signed by a server key.
CREATE TABLE audit_checkpoints (
    seq       BIGINT PRIMARY KEY,
    hash      BYTEA NOT NULL,
    at        BIGINT NOT NULL, -- of that event
    count     BIGINT NOT NULL, -- of the events that were moved out with it
    pruned_at BIGINT NOT NULL,
    signature TEXT NOT NULL
);

-- Set by a restore that could not know whether the credential was revoked
-- meanwhile, until somebody confirms or revokes it.
ALTER TABLE credentials ADD COLUMN unconfirmed_at BIGINT;
CREATE INDEX credentials_unconfirmed ON credentials (unconfirmed_at) WHERE unconfirmed_at IS NOT NULL;
