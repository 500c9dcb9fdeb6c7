-- +goose Up

-- The ids of the server keys that a node has, the primary one first, with spaces
-- between them; empty = it does not say.
ALTER TABLE nodes ADD COLUMN keys TEXT NOT NULL DEFAULT '';
