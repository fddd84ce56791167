-- Webhook bodies between their arrival and the last event split from them, sealed under the day's ingest key.
-- The tenant is not known yet, so there is no row security.

CREATE TABLE webhook_body (
  id          BYTEA   NOT NULL PRIMARY KEY,
  app         TEXT    NOT NULL,
  received_at BIGINT  NOT NULL,
  run_at      BIGINT  NOT NULL,
  attempts    BIGINT  NOT NULL,
  body        BYTEA   NOT NULL
);
CREATE INDEX webhook_body_due ON webhook_body (run_at, id);

-- What could not be split. It dies with its ingest key.
CREATE TABLE quarantine (
  id          BYTEA   NOT NULL PRIMARY KEY,
  app         TEXT    NOT NULL,
  received_at BIGINT  NOT NULL,
  reason      TEXT    NOT NULL,
  body        BYTEA   NOT NULL
);

-- Forged, truncated and oversized calls: that they came, not what was in them. The sender's address is a keyed hash.
CREATE TABLE rejected_webhook (
  id     BYTEA   NOT NULL PRIMARY KEY,
  app    TEXT,
  at     BIGINT  NOT NULL,
  reason TEXT    NOT NULL,
  bytes  BIGINT  NOT NULL,
  sender BYTEA
);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_body, quarantine, rejected_webhook TO deskbell_app;
