-- One row an event, written in the transaction that changed the order.
CREATE TABLE dbo.outbox (
    seq             bigint           NOT NULL IDENTITY CONSTRAINT outbox_seq PRIMARY KEY CLUSTERED,
    order_id        uniqueidentifier NOT NULL CONSTRAINT outbox_order REFERENCES dbo.orders (id),
    sequence        int              NOT NULL, -- the order's version that the event tells of
    id              uniqueidentifier NOT NULL,
    kind            nvarchar(100)    NOT NULL,
    occurred_at     bigint           NOT NULL,
    traceparent     nvarchar(100)    NULL,
    data            nvarchar(max)    NOT NULL,
    attempts        int              NOT NULL CONSTRAINT outbox_attempts DEFAULT 0,
    next_attempt_at bigint           NOT NULL, -- while leased: the lease's end, so that one index finds all that is due
    lease_until     bigint           NULL,
    last_error      nvarchar(max)    NULL,
    published_at    bigint           NULL,
    received_at     bigint           NULL,
    CONSTRAINT outbox_event UNIQUE (order_id, sequence)
);

-- Filtered: the cost of finding what is due does not grow with what is done, nor that of finding what is old with what is not.
CREATE INDEX outbox_pending    ON dbo.outbox (next_attempt_at) WHERE published_at IS NULL;
CREATE INDEX outbox_unreceived ON dbo.outbox (published_at) WHERE published_at IS NOT NULL AND received_at IS NULL;
CREATE INDEX outbox_done       ON dbo.outbox (published_at) WHERE published_at IS NOT NULL AND received_at IS NOT NULL;
