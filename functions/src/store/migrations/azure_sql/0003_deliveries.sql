-- One row for each notification to make; the unique key makes a message that comes again harmless.
CREATE TABLE dbo.deliveries (
    seq             bigint           NOT NULL IDENTITY CONSTRAINT deliveries_seq PRIMARY KEY CLUSTERED,
    id              uniqueidentifier NOT NULL CONSTRAINT deliveries_id UNIQUE,
    order_id        uniqueidentifier NOT NULL,
    sequence        int              NOT NULL,
    channel         nvarchar(40)     COLLATE Latin1_General_100_BIN2 NOT NULL,
    recipient       nvarchar(780)    COLLATE Latin1_General_100_BIN2 NOT NULL, -- an index key has 1,700 bytes at most
    state           nvarchar(20)     COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT deliveries_new DEFAULT N'pending'
                    CONSTRAINT deliveries_state CHECK (state IN (N'pending', N'succeeded', N'failed', N'abandoned')),
    attempts        int              NOT NULL, -- attempts begun
    next_attempt_at bigint           NOT NULL, -- while leased: the lease's end
    lease_until     bigint           NULL,
    created_at      bigint           NOT NULL,
    CONSTRAINT deliveries_once UNIQUE (order_id, sequence, channel, recipient),
    CONSTRAINT deliveries_event FOREIGN KEY (order_id, sequence) REFERENCES dbo.outbox (order_id, sequence) ON DELETE CASCADE
);

CREATE INDEX deliveries_due ON dbo.deliveries (next_attempt_at) WHERE state = N'pending';

-- One row for each attempt that ended, or that was found to have ended unseen.
CREATE TABLE dbo.delivery_attempts (
    seq             bigint           NOT NULL IDENTITY CONSTRAINT delivery_attempts_seq PRIMARY KEY CLUSTERED,
    delivery_id     uniqueidentifier NOT NULL CONSTRAINT delivery_attempts_delivery REFERENCES dbo.deliveries (id) ON DELETE CASCADE,
    attempt         int              NOT NULL,
    at              bigint           NOT NULL,
    outcome         nvarchar(20)     COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT delivery_attempts_outcome
                    CHECK (outcome IN (N'succeeded', N'retrying', N'failed', N'unknown', N'abandoned')),
    reason          nvarchar(max)    NULL,
    next_attempt_at bigint           NULL,
    provider_id     nvarchar(max)    NULL,
    CONSTRAINT delivery_attempts_once UNIQUE (delivery_id, attempt)
);

-- Messages that can never be understood, as they came.
CREATE TABLE dbo.rejected_messages (
    seq            bigint         NOT NULL IDENTITY CONSTRAINT rejected_messages_seq PRIMARY KEY CLUSTERED,
    message_id     nvarchar(max)  NULL,
    body           varbinary(max) NOT NULL,
    reason         nvarchar(max)  NOT NULL,
    delivery_count int            NOT NULL,
    rejected_at    bigint         NOT NULL
);
