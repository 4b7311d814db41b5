-- An order is read and written whole: `document` is the order as the API shows it, its lines included.
-- The columns before it repeat what is searched, and are written in the same statement.
CREATE TABLE orders (
    id             BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16), -- UUIDv7: sorts by creation time
    version        INTEGER NOT NULL CHECK (version > 0),
    status         TEXT    NOT NULL CHECK (status IN ('placed', 'confirmed', 'shipped', 'delivered', 'cancelled')),
    customer_name  TEXT    NOT NULL,
    customer_email TEXT,
    document       TEXT    NOT NULL
) STRICT;

-- Each list is one range of one index, read backwards. A customer's list without a status reads the five ranges.
CREATE INDEX orders_by_status ON orders (status, id);
CREATE INDEX orders_by_name   ON orders (customer_name, status, id);
CREATE INDEX orders_by_email  ON orders (customer_email, status, id) WHERE customer_email IS NOT NULL;

-- For reports: one row a line.
CREATE VIEW order_lines AS
SELECT orders.document ->> '$.id'        AS order_id,
       orders.status                     AS status,
       line.key + 1                      AS position,
       line.value ->> '$.sku'            AS sku,
       line.value ->> '$.name'           AS name,
       line.value ->> '$.quantity'       AS quantity,
       line.value ->> '$.unitPrice'      AS unit_price,
       line.value ->> '$.lineTotal'      AS line_total,
       orders.document ->> '$.currency'  AS currency,
       orders.document ->> '$.createdAt' AS created_at
FROM orders, json_each(orders.document, '$.lines') AS line;

-- What a request with an Idempotency-Key was answered, written with the order it made.
CREATE TABLE idempotency (
    route       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    answer      TEXT    NOT NULL,
    expires_at  INTEGER NOT NULL, -- Unix milliseconds, as all times here
    PRIMARY KEY (route, key)
) STRICT;

CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);
