-- One row an event, written in the transaction that changed the order.
-- Foreign keys are checked by the commit: checked by each statement, they would cost a journal of the statement.
CREATE TABLE outbox (
    order_id        BLOB    NOT NULL REFERENCES orders (id) DEFERRABLE INITIALLY DEFERRED,
    sequence        INTEGER NOT NULL, -- the order's version that the event tells of
    id              BLOB    NOT NULL CHECK (length(id) = 16),
    kind            TEXT    NOT NULL,
    occurred_at     INTEGER NOT NULL,
    traceparent     TEXT,
    data            TEXT    NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER NOT NULL, -- while leased: the lease's end, so that one index finds all that is due
    lease_until     INTEGER,
    last_error      TEXT,
    published_at    INTEGER,
    received_at     INTEGER,
    PRIMARY KEY (order_id, sequence)
) STRICT, WITHOUT ROWID;

-- Partial: the cost of finding what is due does not grow with what is done.
CREATE INDEX outbox_pending    ON outbox (next_attempt_at) WHERE published_at IS NULL;
CREATE INDEX outbox_unreceived ON outbox (published_at) WHERE published_at IS NOT NULL AND received_at IS NULL;
