-- What is known of an attempt before its outcome is.
-- With an endpoint, that each attempt begins is written before it is sent; without, the lease alone tells of it.
-- Statements that name a column added here are run by EXEC: the batch is compiled before the column is there.
ALTER TABLE dbo.deliveries ADD
    endpoint     nvarchar(400) COLLATE Latin1_General_100_BIN2 NULL,
    begun_at     bigint        NULL, -- when the attempt under way began to be sent
    doubt        int           NULL, -- the attempt whose outcome is unknown
    provider_ref nvarchar(400) NULL, -- what the provider calls the attempt under way or in doubt
    paused_at    bigint        NULL, -- since when its endpoint's circuit keeps it back
    extended_by  bigint        NOT NULL CONSTRAINT deliveries_extended DEFAULT 0; -- milliseconds that do not count towards its horizon

EXEC (N'CREATE INDEX deliveries_paused ON dbo.deliveries (endpoint) WHERE paused_at IS NOT NULL');

-- What was given up is found without looking at all that is done.
CREATE INDEX deliveries_failed ON dbo.deliveries (seq) WHERE state = N'failed';

-- One row for each endpoint that is down; none for one that is up.
CREATE TABLE dbo.circuits (
    endpoint   nvarchar(400) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT circuits_endpoint PRIMARY KEY CLUSTERED,
    failures   int           NOT NULL,
    opened_at  bigint        NOT NULL,
    open_until bigint        NOT NULL, -- when the next probe may be made; while one is made, when it is given up
    reason     nvarchar(max) NOT NULL
);

-- What was decided about a delivery otherwise than by an attempt: by an operator, by its channel's policy, or by time.
CREATE TABLE dbo.delivery_decisions (
    seq         bigint           NOT NULL IDENTITY CONSTRAINT delivery_decisions_seq PRIMARY KEY CLUSTERED,
    delivery_id uniqueidentifier NOT NULL CONSTRAINT delivery_decisions_delivery REFERENCES dbo.deliveries (id) ON DELETE CASCADE,
    at          bigint           NOT NULL,
    decision    nvarchar(20)     COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT delivery_decisions_decision
                CHECK (decision IN (N'reopened', N'abandoned', N'given-up')),
    reason      nvarchar(max)    NOT NULL
);

CREATE INDEX delivery_decisions_by_delivery ON dbo.delivery_decisions (delivery_id);

-- Whom the operator has told by webhook.
CREATE TABLE dbo.webhook_endpoints (
    name            nvarchar(64)  COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT webhook_endpoints_name PRIMARY KEY CLUSTERED,
    url             nvarchar(max) NOT NULL,
    events          nvarchar(max) NOT NULL, -- a JSON array of event types
    key_name        nvarchar(200) NOT NULL, -- the setting, or the secret as keyvault:NAME, that holds its key; never the key
    created_at      bigint        NOT NULL,
    disabled_at     bigint        NULL,
    disabled_reason nvarchar(max) NULL
);

-- Whom a channel must not tell.
CREATE TABLE dbo.suppressions (
    seq     bigint        NOT NULL IDENTITY CONSTRAINT suppressions_seq PRIMARY KEY CLUSTERED,
    channel nvarchar(40)  COLLATE Latin1_General_100_BIN2 NOT NULL,
    address nvarchar(780) COLLATE Latin1_General_100_BIN2 NOT NULL, -- in lower case
    reason  nvarchar(max) NOT NULL,
    at      bigint        NOT NULL,
    CONSTRAINT suppressions_address UNIQUE (channel, address)
);

-- For people: one row a delivery, with the state that it is really in and the last that is known of it.
EXEC (N'CREATE VIEW dbo.ledger AS
SELECT deliveries.seq             AS seq,
       deliveries.id              AS id,
       deliveries.order_id        AS order_id,
       deliveries.sequence        AS sequence,
       deliveries.channel         AS channel,
       deliveries.recipient       AS recipient,
       deliveries.endpoint        AS endpoint,
       CASE
           WHEN deliveries.state = N''failed'' AND deliveries.doubt IS NOT NULL THEN N''unknown''
           WHEN deliveries.state = N''pending'' AND deliveries.lease_until IS NOT NULL THEN N''sending''
           WHEN deliveries.state = N''pending'' AND deliveries.paused_at IS NOT NULL THEN N''paused''
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
FROM dbo.deliveries AS deliveries
OUTER APPLY (
    SELECT TOP (1) ended.at, ended.reason, ended.provider_id
    FROM dbo.delivery_attempts AS ended
    WHERE ended.delivery_id = deliveries.id
    ORDER BY ended.attempt DESC) AS latest');
