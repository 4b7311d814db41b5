-- An order is read and written whole: `document` is the order as the API shows it, its lines included.
-- The columns before it repeat what is searched, and are written in the same statement.
-- Text that is searched is compared by its code points, as SQLite compares it.
CREATE TABLE dbo.orders (
    seq            bigint           NOT NULL IDENTITY CONSTRAINT orders_seq PRIMARY KEY CLUSTERED, -- grows, so that pages fill in order
    id             uniqueidentifier NOT NULL CONSTRAINT orders_id UNIQUE,
    id_bytes       binary(16)       NOT NULL, -- the id as UUIDv7 sorts: a uniqueidentifier sorts by its last six bytes first
    version        int              NOT NULL CONSTRAINT orders_version CHECK (version > 0),
    status         nvarchar(20)     COLLATE Latin1_General_100_BIN2 NOT NULL
                   CONSTRAINT orders_status CHECK (status IN (N'placed', N'confirmed', N'shipped', N'delivered', N'cancelled')),
    customer_name  nvarchar(400)    COLLATE Latin1_General_100_BIN2 NOT NULL,
    customer_email nvarchar(508)    COLLATE Latin1_General_100_BIN2 NULL,
    document       nvarchar(max)    NOT NULL
);

-- Each list is one range of one index, read backwards. A customer's list without a status reads the five ranges.
CREATE INDEX orders_by_id     ON dbo.orders (id_bytes);
CREATE INDEX orders_by_status ON dbo.orders (status, id_bytes);
CREATE INDEX orders_by_name   ON dbo.orders (customer_name, status, id_bytes);
CREATE INDEX orders_by_email  ON dbo.orders (customer_email, status, id_bytes) WHERE customer_email IS NOT NULL;

-- For reports: one row a line. A view must be alone in its batch.
EXEC (N'CREATE VIEW dbo.order_lines AS
SELECT orders.id                                        AS order_id,
       orders.status                                    AS status,
       CAST(line.[key] AS int) + 1                      AS position,
       JSON_VALUE(line.value, ''$.sku'')                AS sku,
       JSON_VALUE(line.value, ''$.name'')               AS name,
       CAST(JSON_VALUE(line.value, ''$.quantity'') AS bigint)  AS quantity,
       CAST(JSON_VALUE(line.value, ''$.unitPrice'') AS bigint) AS unit_price,
       CAST(JSON_VALUE(line.value, ''$.lineTotal'') AS bigint) AS line_total,
       JSON_VALUE(orders.document, ''$.currency'')      AS currency,
       JSON_VALUE(orders.document, ''$.createdAt'')     AS created_at
FROM dbo.orders AS orders CROSS APPLY OPENJSON(orders.document, ''$.lines'') AS line');

-- What a request with an Idempotency-Key was answered, written with the order it made.
-- The key is kept as bytes: compared as text, a space at its end would not count.
CREATE TABLE dbo.idempotency (
    seq         bigint         NOT NULL IDENTITY CONSTRAINT idempotency_seq PRIMARY KEY CLUSTERED,
    route       nvarchar(40)   COLLATE Latin1_General_100_BIN2 NOT NULL,
    [key]       varbinary(255) NOT NULL,
    fingerprint binary(32)     NOT NULL,
    answer      nvarchar(max)  NOT NULL,
    expires_at  bigint         NOT NULL, -- Unix milliseconds, as all times here
    CONSTRAINT idempotency_key UNIQUE (route, [key])
);

CREATE INDEX idempotency_by_expiry ON dbo.idempotency (expires_at);
