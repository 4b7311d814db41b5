-- What is known of an attempt before its outcome is.
-- With an endpoint, that each attempt begins is written before it is sent; without, the lease alone tells of it.
ALTER TABLE deliveries ADD COLUMN endpoint     TEXT;
ALTER TABLE deliveries ADD COLUMN begun_at     INTEGER; -- when the attempt under way began to be sent
ALTER TABLE deliveries ADD COLUMN doubt        INTEGER; -- the attempt whose outcome is unknown
ALTER TABLE deliveries ADD COLUMN provider_ref TEXT;    -- what the provider calls the attempt under way or in doubt
ALTER TABLE deliveries ADD COLUMN paused_at    INTEGER; -- since when its endpoint's circuit keeps it back
ALTER TABLE deliveries ADD COLUMN extended_by  INTEGER NOT NULL DEFAULT 0; -- milliseconds that do not count towards its horizon

CREATE INDEX deliveries_paused ON deliveries (endpoint) WHERE paused_at IS NOT NULL;

-- What was given up is found without looking at all that is done.
CREATE INDEX deliveries_failed ON deliveries (id) WHERE state = 'failed';

-- One row for each endpoint that is down; none for one that is up.
CREATE TABLE circuits (
    endpoint   TEXT    NOT NULL PRIMARY KEY,
    failures   INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    open_until INTEGER NOT NULL, -- when the next probe may be made; while one is made, when it is given up
    reason     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- What was decided about a delivery otherwise than by an attempt: by an operator, by its channel's policy, or by time.
CREATE TABLE delivery_decisions (
    id          INTEGER PRIMARY KEY,
    delivery_id BLOB    NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    at          INTEGER NOT NULL,
    decision    TEXT    NOT NULL CHECK (decision IN ('reopened', 'abandoned', 'given-up')),
    reason      TEXT    NOT NULL
) STRICT;

CREATE INDEX delivery_decisions_by_delivery ON delivery_decisions (delivery_id);

-- Whom the operator has told by webhook.
CREATE TABLE webhook_endpoints (
    name            TEXT    NOT NULL PRIMARY KEY,
    url             TEXT    NOT NULL,
    events          TEXT    NOT NULL, -- a JSON array of event types
    key_name        TEXT    NOT NULL, -- the setting, or the secret as keyvault:NAME, that holds its key; never the key
    created_at      INTEGER NOT NULL,
    disabled_at     INTEGER,
    disabled_reason TEXT
) STRICT, WITHOUT ROWID;

-- Whom a channel must not tell.
CREATE TABLE suppressions (
    channel TEXT    NOT NULL,
    address TEXT    NOT NULL, -- in lower case
    reason  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, address)
) STRICT, WITHOUT ROWID;

-- For people: one row a delivery, with the state that it is really in and the last that is known of it.
CREATE VIEW ledger AS
SELECT deliveries.id              AS id,
       deliveries.order_id        AS order_id,
       deliveries.sequence        AS sequence,
       deliveries.channel         AS channel,
       deliveries.recipient       AS recipient,
       deliveries.endpoint        AS endpoint,
       CASE
           WHEN deliveries.state = 'failed' AND deliveries.doubt IS NOT NULL THEN 'unknown'
           WHEN deliveries.state = 'pending' AND deliveries.lease_until IS NOT NULL THEN 'sending'
           WHEN deliveries.state = 'pending' AND deliveries.paused_at IS NOT NULL THEN 'paused'
           ELSE deliveries.state
       END                        AS state,
       deliveries.attempts        AS attempts,
       deliveries.doubt           AS doubt,
       deliveries.provider_ref    AS provider_ref,
       deliveries.next_attempt_at AS next_attempt_at,
       deliveries.created_at      AS created_at,
       latest.at                    AS last_at,
       latest.reason                AS reason,
       latest.provider_id           AS provider_id
FROM deliveries
LEFT JOIN delivery_attempts AS latest
  ON latest.delivery_id = deliveries.id
 AND latest.attempt = (SELECT max(attempt) FROM delivery_attempts WHERE delivery_id = deliveries.id);
