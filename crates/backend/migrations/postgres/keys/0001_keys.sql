-- The key store. Every key is wrapped: tenant keys under the master key, data keys under their tenant's key.

-- A known key wrapped under the master key: another master key is noticed before it wraps anything.
CREATE TABLE master_check (
  id      BIGINT  NOT NULL PRIMARY KEY,
  wrapped BYTEA   NOT NULL
);

CREATE TABLE tenant_key (
  tenant_id  BYTEA   NOT NULL PRIMARY KEY,
  wrapped    BYTEA   NOT NULL,
  created_at BIGINT  NOT NULL
);

-- slot tells keys apart of which there is one: 'lookup', 'file', the day of an ingest key. It is NULL for keys of
-- which there are many.
CREATE TABLE data_key (
  id         BYTEA   NOT NULL PRIMARY KEY,
  tenant_id  BYTEA   NOT NULL,
  kind       TEXT    NOT NULL,
  slot       TEXT,
  wrapped    BYTEA   NOT NULL,
  created_at BIGINT  NOT NULL,
  expires_at BIGINT,
  UNIQUE (tenant_id, kind, slot)
);

-- The highest sequence number each tenant's log may have used, and where the log stood when it was raised.
CREATE TABLE high_water (
  tenant_id   BYTEA   NOT NULL PRIMARY KEY,
  database_id BYTEA   NOT NULL,
  promised    BIGINT  NOT NULL,
  raised_from BIGINT  NOT NULL
);

-- Append-only: keyed hashes of what was erased, so that it does not come back.
CREATE TABLE ledger (
  tenant_id  BYTEA   NOT NULL,
  kind       TEXT    NOT NULL,
  hash       BYTEA   NOT NULL,
  erasure_id BYTEA   NOT NULL,
  cutoff_at  BIGINT  NOT NULL,
  extent     TEXT    NOT NULL,
  created_at BIGINT  NOT NULL,
  expires_at BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, kind, hash, erasure_id)
);
