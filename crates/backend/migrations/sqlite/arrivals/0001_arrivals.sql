-- Webhook bodies between their arrival and the last event split from them, sealed under the day's ingest key.
-- A file of its own: thousands of small commits a second must not wait for anything else, nor anything for them.

CREATE TABLE webhook_body (
  id          BLOB    NOT NULL PRIMARY KEY,
  app         TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  run_at      INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  body        BLOB    NOT NULL
) STRICT;
CREATE INDEX webhook_body_due ON webhook_body (run_at, id);

-- What could not be split. It dies with its ingest key.
CREATE TABLE quarantine (
  id          BLOB    NOT NULL PRIMARY KEY,
  app         TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  reason      TEXT    NOT NULL,
  body        BLOB    NOT NULL
) STRICT;

-- Forged, truncated and oversized calls: that they came, not what was in them. The sender's address is a keyed hash.
CREATE TABLE rejected_webhook (
  id     BLOB    NOT NULL PRIMARY KEY,
  app    TEXT,
  at     INTEGER NOT NULL,
  reason TEXT    NOT NULL,
  bytes  INTEGER NOT NULL,
  sender BLOB
) STRICT;
