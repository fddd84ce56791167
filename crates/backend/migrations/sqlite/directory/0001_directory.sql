-- What must be known before the tenant is. No personal data: a sign-in e-mail is a keyed hash.

CREATE TABLE directory_tenant (
  tenant_id  BLOB    NOT NULL PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE phone_number (
  phone_number_id TEXT NOT NULL PRIMARY KEY,
  waba_id         TEXT NOT NULL,
  tenant_id       BLOB NOT NULL,
  account_id      BLOB NOT NULL
) STRICT;
CREATE INDEX phone_number_by_waba ON phone_number (waba_id);

CREATE TABLE sign_in (
  email_hash BLOB NOT NULL PRIMARY KEY,
  tenant_id  BLOB NOT NULL,
  user_id    BLOB NOT NULL
) STRICT;

-- Two secrets while one is being replaced. Both are sealed under the installation's key.
CREATE TABLE meta_app (
  app               TEXT NOT NULL PRIMARY KEY,
  secret            BLOB NOT NULL,
  previous_secret   BLOB,
  verify_token_hash BLOB NOT NULL
) STRICT;
