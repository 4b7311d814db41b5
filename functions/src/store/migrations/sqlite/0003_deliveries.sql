-- One row for each notification to make; the unique key makes a message that comes again harmless.
CREATE TABLE deliveries (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id        BLOB    NOT NULL,
    sequence        INTEGER NOT NULL,
    channel         TEXT    NOT NULL,
    recipient       TEXT    NOT NULL,
    state           TEXT    NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'succeeded', 'failed', 'abandoned')),
    attempts        INTEGER NOT NULL, -- attempts begun
    next_attempt_at INTEGER NOT NULL, -- while leased: the lease's end
    lease_until     INTEGER,
    created_at      INTEGER NOT NULL,
    UNIQUE (order_id, sequence, channel, recipient),
    FOREIGN KEY (order_id, sequence) REFERENCES outbox (order_id, sequence) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'pending';

-- One row for each attempt that ended, or that was found to have ended unseen.
CREATE TABLE delivery_attempts (
    delivery_id     BLOB    NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    attempt         INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    outcome         TEXT    NOT NULL CHECK (outcome IN ('succeeded', 'retrying', 'failed', 'unknown', 'abandoned')),
    reason          TEXT,
    next_attempt_at INTEGER,
    provider_id     TEXT,
    PRIMARY KEY (delivery_id, attempt)
) STRICT, WITHOUT ROWID;

-- Messages that can never be understood, as they came.
CREATE TABLE rejected_messages (
    id             INTEGER PRIMARY KEY,
    message_id     TEXT,
    body           BLOB    NOT NULL,
    reason         TEXT    NOT NULL,
    delivery_count INTEGER NOT NULL,
    rejected_at    INTEGER NOT NULL
) STRICT;
