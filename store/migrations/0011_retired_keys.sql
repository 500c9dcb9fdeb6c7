-- +goose Up

-- When a server key was retired; NULL = it was not. A server with an old copy of the key
-- file must not make credentials with it, which the others would not know.
ALTER TABLE key_checks ADD COLUMN retired_at BIGINT;
