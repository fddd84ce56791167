-- The key store. Every key is wrapped: tenant keys under the master key, data keys under their tenant's key.

-- A known key wrapped under the master key: another master key is noticed before it wraps anything.
CREATE TABLE master_check (
  id      INTEGER NOT NULL PRIMARY KEY,
  wrapped BLOB    NOT NULL
) STRICT;

CREATE TABLE tenant_key (
  tenant_id  BLOB    NOT NULL PRIMARY KEY,
  wrapped    BLOB    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- slot tells keys apart of which there is one: 'lookup', 'file', the day of an ingest key. It is NULL for keys of
-- which there are many.
CREATE TABLE data_key (
  id         BLOB    NOT NULL PRIMARY KEY,
  tenant_id  BLOB    NOT NULL,
  kind       TEXT    NOT NULL,
  slot       TEXT,
  wrapped    BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  UNIQUE (tenant_id, kind, slot)
) STRICT;

-- The highest sequence number each tenant's log may have used, and where the log stood when it was raised.
CREATE TABLE high_water (
  tenant_id   BLOB    NOT NULL PRIMARY KEY,
  database_id BLOB    NOT NULL,
  promised    INTEGER NOT NULL,
  raised_from INTEGER NOT NULL
) STRICT;

-- Append-only: keyed hashes of what was erased, so that it does not come back.
CREATE TABLE ledger (
  tenant_id  BLOB    NOT NULL,
  kind       TEXT    NOT NULL,
  hash       BLOB    NOT NULL,
  erasure_id BLOB    NOT NULL,
  cutoff_at  INTEGER NOT NULL,
  extent     TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, kind, hash, erasure_id)
) STRICT;
