-- What must be known before the tenant is. No personal data: a sign-in e-mail is a keyed hash.

CREATE TABLE directory_tenant (
  tenant_id  BYTEA   NOT NULL PRIMARY KEY,
  created_at BIGINT  NOT NULL
);

CREATE TABLE phone_number (
  phone_number_id TEXT NOT NULL PRIMARY KEY,
  waba_id         TEXT NOT NULL,
  tenant_id       BYTEA NOT NULL,
  account_id      BYTEA NOT NULL
);
CREATE INDEX phone_number_by_waba ON phone_number (waba_id);

CREATE TABLE sign_in (
  email_hash BYTEA NOT NULL PRIMARY KEY,
  tenant_id  BYTEA NOT NULL,
  user_id    BYTEA NOT NULL
);

-- Two secrets while one is being replaced. Both are sealed under the installation's key.
CREATE TABLE meta_app (
  app               TEXT NOT NULL PRIMARY KEY,
  secret            BYTEA NOT NULL,
  previous_secret   BYTEA,
  verify_token_hash BYTEA NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON directory_tenant, phone_number, sign_in, meta_app TO deskbell_app;
