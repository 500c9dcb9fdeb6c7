-- +goose Up

-- How long the gateway waits for the head of an API's answer, in seconds; 0 = the
-- default.
ALTER TABLE apis ADD COLUMN timeout BIGINT NOT NULL DEFAULT 0;

-- What is swept is looked for by its age.
CREATE INDEX use_callers_by_age ON use_callers (resolution, start);
CREATE INDEX use_refusals_by_age ON use_refusals (resolution, start);
