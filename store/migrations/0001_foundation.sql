-- Times are Unix microseconds, spans of time whole seconds. What may be missing
-- is NULL where it is a time, bytes or a reference, and '' where it is text.
-- Columns that end in _key hold text folded in Go, for search and order.

-- +goose Up
CREATE TABLE organizations (
    id         TEXT PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE applications (
    id                TEXT PRIMARY KEY,
    organization_id   TEXT NOT NULL REFERENCES organizations (id),
    slug              TEXT NOT NULL,
    name              TEXT NOT NULL,
    name_key          TEXT NOT NULL,
    open              BOOLEAN NOT NULL,
    query_credentials BOOLEAN NOT NULL,
    password_grant    BOOLEAN NOT NULL,
    default_ttl       BIGINT NOT NULL, -- 0 = the configuration's
    max_ttl           BIGINT NOT NULL, -- 0 = the configuration's
    default_api_id    TEXT NOT NULL DEFAULT '',
    created_at        BIGINT NOT NULL,
    UNIQUE (organization_id, slug)
);
CREATE INDEX applications_by_name ON applications (organization_id, name_key, slug);

CREATE TABLE apis (
    id             TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES applications (id),
    slug           TEXT NOT NULL,
    name           TEXT NOT NULL,
    upstream       TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    UNIQUE (application_id, slug)
);
CREATE INDEX apis_in_order ON apis (application_id, created_at, id);

CREATE TABLE users (
    id              TEXT PRIMARY KEY,
    email           TEXT NOT NULL,
    email_key       TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    password_hash   TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    disabled_at     BIGINT,
    last_sign_in_at BIGINT
);

CREATE TABLE memberships (
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    user_id         TEXT NOT NULL REFERENCES users (id),
    role            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id, organization_id);

-- Scopes are kept as ' a:read b:write ', so that one of them can be looked for.
-- key_id names the server key of the digest. A basic credential that is revoked
-- keeps neither digest nor sealed password: it could not come back.
CREATE TABLE credentials (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    application_id  TEXT REFERENCES applications (id),
    user_id         TEXT REFERENCES users (id),
    kind            TEXT NOT NULL,
    label           TEXT NOT NULL,
    label_key       TEXT NOT NULL,
    scopes          TEXT NOT NULL DEFAULT '',
    prefix          TEXT NOT NULL,
    last4           TEXT NOT NULL,
    shown_key       TEXT NOT NULL,
    key_id          TEXT NOT NULL,
    digest          BYTEA UNIQUE,
    sealed          BYTEA,
    allowed         TEXT NOT NULL DEFAULT '', -- networks separated by spaces
    nonce           TEXT NOT NULL DEFAULT '',
    replaces        TEXT NOT NULL DEFAULT '',
    created_at      BIGINT NOT NULL,
    created_by      TEXT NOT NULL,
    expires_at      BIGINT,
    paused_at       BIGINT,
    revoked_at      BIGINT,
    revoked_by      TEXT NOT NULL DEFAULT '',
    revoked_reason  TEXT NOT NULL DEFAULT '',
    rate_per_second BIGINT,
    rate_burst      BIGINT,
    CHECK (kind <> 'basic' OR revoked_at IS NULL OR (digest IS NULL AND sealed IS NULL AND key_id = ''))
);
CREATE UNIQUE INDEX credentials_basic ON credentials (application_id) WHERE kind = 'basic';
CREATE UNIQUE INDEX credentials_nonce ON credentials
    (organization_id, COALESCE(application_id, ''), COALESCE(user_id, ''), nonce) WHERE nonce <> '';
CREATE INDEX credentials_replacing ON credentials (replaces, created_at, id) WHERE replaces <> '';
-- A page of a list is a walk along one of these two; what lists are filtered by
-- stands behind the order, so that rows that do not match cost no look at them.
CREATE INDEX credentials_newest ON credentials
    (application_id, created_at, id, kind, expires_at, paused_at, revoked_at);
CREATE INDEX credentials_newest_unrevoked ON credentials
    (application_id, created_at, id, kind, expires_at, paused_at) WHERE revoked_at IS NULL;
CREATE INDEX credentials_expiry ON credentials (application_id, expires_at) WHERE revoked_at IS NULL;
CREATE INDEX credentials_of_user ON credentials (user_id, organization_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX credentials_of_organization ON credentials (organization_id, created_at, id) WHERE application_id IS NULL;
CREATE INDEX credentials_by_key ON credentials (key_id);

-- An access token belongs to the client or to the user it was issued to. One of a
-- user may open every organization of that user: it then names none.
CREATE TABLE access_tokens (
    id              TEXT PRIMARY KEY,
    organization_id TEXT REFERENCES organizations (id),
    application_id  TEXT REFERENCES applications (id),
    credential_id   TEXT REFERENCES credentials (id),
    user_id         TEXT REFERENCES users (id),
    asked_by        TEXT REFERENCES credentials (id), -- the client that a user's token was asked through
    grant_type      TEXT NOT NULL,
    scopes          TEXT NOT NULL DEFAULT '',
    prefix          TEXT NOT NULL,
    last4           TEXT NOT NULL,
    key_id          TEXT NOT NULL,
    digest          BYTEA NOT NULL UNIQUE,
    issued_at       BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    revoked_by      TEXT NOT NULL DEFAULT '',
    revoked_reason  TEXT NOT NULL DEFAULT '',
    last_used_at    BIGINT
);
CREATE INDEX access_tokens_of_credential ON access_tokens (credential_id, issued_at, id) WHERE revoked_at IS NULL;
CREATE INDEX access_tokens_of_user ON access_tokens (user_id, issued_at, id) WHERE revoked_at IS NULL;
CREATE INDEX access_tokens_by_end ON access_tokens (expires_at);
CREATE INDEX access_tokens_by_key ON access_tokens (key_id);

CREATE TABLE invites (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    email           TEXT NOT NULL,
    email_key       TEXT NOT NULL,
    role            TEXT NOT NULL,
    token_hash      BYTEA NOT NULL UNIQUE,
    created_at      BIGINT NOT NULL,
    created_by      TEXT NOT NULL,
    created_by_id   TEXT NOT NULL, -- '' = an operator
    expires_at      BIGINT NOT NULL,
    used_at         BIGINT,
    withdrawn_at    BIGINT
);
CREATE INDEX invites_of_organization ON invites (organization_id, created_at, id) WHERE used_at IS NULL AND withdrawn_at IS NULL;

CREATE TABLE nonces (
    nonce   TEXT PRIMARY KEY,
    used_at BIGINT NOT NULL
);
CREATE INDEX nonces_by_age ON nonces (used_at);

CREATE TABLE sessions (
    id            TEXT PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id),
    token_hash    BYTEA NOT NULL UNIQUE,
    previous_hash BYTEA,
    rotated_at    BIGINT,
    created_at    BIGINT NOT NULL,
    seen_at       BIGINT NOT NULL,
    password_at   BIGINT,
    expires_at    BIGINT NOT NULL,
    ended_at      BIGINT,
    address       TEXT NOT NULL,
    agent         TEXT NOT NULL,
    data          TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sessions_by_previous ON sessions (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX sessions_of_user ON sessions (user_id) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE elevations (
    id              TEXT PRIMARY KEY,
    session_id      TEXT NOT NULL,
    user_id         TEXT NOT NULL REFERENCES users (id),
    organization_id TEXT NOT NULL REFERENCES organizations (id),
    application_id  TEXT REFERENCES applications (id),
    reason          TEXT NOT NULL,
    started_at      BIGINT NOT NULL,
    until           BIGINT NOT NULL,
    ended_at        BIGINT
);
CREATE INDEX elevations_of_session ON elevations (session_id, started_at, id) WHERE ended_at IS NULL;
CREATE INDEX elevations_of_user ON elevations (user_id, started_at, id);

CREATE TABLE setup_link (
    id         BIGINT PRIMARY KEY CHECK (id = 1),
    token_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE throttles (
    subject  TEXT PRIMARY KEY,
    attempts BIGINT NOT NULL,
    since    BIGINT NOT NULL
);
CREATE INDEX throttles_by_age ON throttles (since);

-- Uses are added up by the minute, the hour and the day (UTC) at once; resolution
-- is 60, 3600 or 86400 seconds, and start the beginning of that span. What is
-- said of a caller is of the latest accepted call.
CREATE TABLE uses (
    credential_id  TEXT NOT NULL,
    resolution     BIGINT NOT NULL,
    start          BIGINT NOT NULL,
    application_id TEXT NOT NULL,
    accepted       BIGINT NOT NULL,
    refused        BIGINT NOT NULL,
    last_at        BIGINT,
    address        TEXT NOT NULL,
    agent          TEXT NOT NULL,
    api            TEXT NOT NULL,
    method         TEXT NOT NULL,
    PRIMARY KEY (credential_id, resolution, start, application_id)
);
CREATE INDEX uses_by_age ON uses (resolution, start);

CREATE TABLE application_uses (
    application_id TEXT NOT NULL,
    resolution     BIGINT NOT NULL,
    start          BIGINT NOT NULL,
    accepted       BIGINT NOT NULL,
    refused        BIGINT NOT NULL,
    by_query       BIGINT NOT NULL, -- accepted ones with the credential in the query
    by_password    BIGINT NOT NULL, -- accepted ones with a token got for a password
    last_at        BIGINT,
    PRIMARY KEY (application_id, resolution, start)
);
CREATE INDEX application_uses_by_age ON application_uses (resolution, start);

CREATE TABLE use_callers (
    credential_id TEXT NOT NULL,
    resolution    BIGINT NOT NULL,
    start         BIGINT NOT NULL,
    address       TEXT NOT NULL,
    agent         TEXT NOT NULL,
    accepted      BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    last_at       BIGINT,
    PRIMARY KEY (credential_id, resolution, start, address, agent)
);

CREATE TABLE use_refusals (
    credential_id TEXT NOT NULL,
    resolution    BIGINT NOT NULL,
    start         BIGINT NOT NULL,
    reason        TEXT NOT NULL,
    count         BIGINT NOT NULL,
    PRIMARY KEY (credential_id, resolution, start, reason)
);

CREATE TABLE last_uses (
    credential_id  TEXT PRIMARY KEY,
    application_id TEXT NOT NULL,
    last_at        BIGINT NOT NULL,
    address        TEXT NOT NULL,
    agent          TEXT NOT NULL,
    api            TEXT NOT NULL,
    method         TEXT NOT NULL
);
CREATE INDEX last_uses_of_application ON last_uses (application_id, last_at);

-- Events are only ever added. Each holds the hash of the one before it; encoding
-- names the canonical encoding of which hash is the SHA-256. Detail is a JSON
-- object with sorted keys. Ids are not references: names and ids of an event
-- stay what they were.
CREATE TABLE events (
    seq             BIGINT PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    at              BIGINT NOT NULL,
    organization_id TEXT NOT NULL,
    application_id  TEXT NOT NULL,
    act             TEXT NOT NULL,
    actor_id        TEXT NOT NULL,
    actor_name      TEXT NOT NULL,
    target_id       TEXT NOT NULL,
    target_name     TEXT NOT NULL,
    elevation_id    TEXT NOT NULL,
    reason          TEXT NOT NULL,
    address         TEXT NOT NULL,
    agent           TEXT NOT NULL,
    count           BIGINT NOT NULL,
    detail          TEXT NOT NULL,
    prev_hash       BYTEA NOT NULL,
    hash            BYTEA NOT NULL,
    encoding        TEXT NOT NULL
);
CREATE INDEX events_of_organization ON events (organization_id, seq);
CREATE INDEX events_of_application ON events (application_id, seq) WHERE application_id <> '';
CREATE INDEX events_by_actor ON events (actor_id, seq) WHERE actor_id <> '';
CREATE INDEX events_on_target ON events (target_id, seq) WHERE target_id <> '';

CREATE TABLE tallies (
    minute   BIGINT NOT NULL,
    act      TEXT NOT NULL,
    subject  TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    address  TEXT NOT NULL,
    agent    TEXT NOT NULL,
    count    BIGINT NOT NULL,
    PRIMARY KEY (minute, act, subject)
);
