-- +goose Up

-- How far events have been shipped, by target as the configuration names it: all up to
-- seq were acknowledged there, the last of them at shipped_at. The node whose id holder
-- is ships; empty = whichever comes first.
CREATE TABLE ship_cursors (
    target     TEXT PRIMARY KEY,
    seq        BIGINT NOT NULL,
    holder     TEXT NOT NULL,
    shipped_at BIGINT
);
