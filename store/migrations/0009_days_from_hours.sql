-- +goose Up

-- A day of uses is no longer written beside its hours, but made from them when they are
-- old: a sum over a long time takes days and the hours that still stand. So what the hours
-- that stand say is taken out of their days, which without them say nothing any more.
DELETE FROM uses
WHERE resolution = 86400 AND start > (SELECT MIN(h.start) FROM uses h WHERE h.resolution = 3600) - 86400000000
    AND (accepted, refused) = (SELECT COALESCE(SUM(h.accepted), 0), COALESCE(SUM(h.refused), 0) FROM uses h
        WHERE h.credential_id = uses.credential_id AND h.resolution = 3600 AND h.start >= uses.start AND h.start < uses.start + 86400000000
            AND h.application_id = uses.application_id);
UPDATE uses
SET (accepted, refused) = (SELECT uses.accepted - COALESCE(SUM(h.accepted), 0), uses.refused - COALESCE(SUM(h.refused), 0) FROM uses h
    WHERE h.credential_id = uses.credential_id AND h.resolution = 3600 AND h.start >= uses.start AND h.start < uses.start + 86400000000
        AND h.application_id = uses.application_id)
WHERE resolution = 86400 AND start > (SELECT MIN(h.start) FROM uses h WHERE h.resolution = 3600) - 86400000000;

DELETE FROM use_refusals
WHERE resolution = 86400 AND start > (SELECT MIN(h.start) FROM use_refusals h WHERE h.resolution = 3600) - 86400000000
    AND count = (SELECT COALESCE(SUM(h.count), 0) FROM use_refusals h
        WHERE h.credential_id = use_refusals.credential_id AND h.resolution = 3600
            AND h.start >= use_refusals.start AND h.start < use_refusals.start + 86400000000 AND h.reason = use_refusals.reason);
UPDATE use_refusals
SET count = count - (SELECT COALESCE(SUM(h.count), 0) FROM use_refusals h
    WHERE h.credential_id = use_refusals.credential_id AND h.resolution = 3600
        AND h.start >= use_refusals.start AND h.start < use_refusals.start + 86400000000 AND h.reason = use_refusals.reason)
WHERE resolution = 86400 AND start > (SELECT MIN(h.start) FROM use_refusals h WHERE h.resolution = 3600) - 86400000000;

-- Callers are read by the hour for a day only. Their days know more of them by name than
-- the hours do: so up to the day before yesterday days stay, and from there on hours.
DELETE FROM use_callers
WHERE resolution = 3600 AND start < (SELECT MAX(h.start) - MAX(h.start) % 86400000000 - 172800000000 FROM use_callers h WHERE h.resolution = 3600);
DELETE FROM use_callers
WHERE resolution = 86400 AND start >= (SELECT MAX(h.start) - MAX(h.start) % 86400000000 - 172800000000 FROM use_callers h WHERE h.resolution = 3600);

-- Of each application the credential of its own that was used last: an index of last uses
-- by their time would change with each use.
CREATE TABLE latest_uses (
    application_id TEXT PRIMARY KEY,
    credential_id  TEXT NOT NULL,
    last_at        BIGINT NOT NULL
);
INSERT INTO latest_uses (application_id, credential_id, last_at)
SELECT a.id, l.credential_id, l.last_at FROM applications a JOIN last_uses l ON l.credential_id = (
    SELECT n.credential_id FROM last_uses n JOIN credentials c ON c.id = n.credential_id AND c.application_id = a.id
    WHERE n.application_id = a.id ORDER BY n.last_at DESC LIMIT 1);
DROP INDEX last_uses_of_application;
