-- The tenants' data, behind row security. Sealed columns are marked so; each envelope names its key and opens at its
-- own place only.

CREATE TABLE tenant (
  tenant_id  BYTEA   NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  time_zone  TEXT    NOT NULL,
  created_at BIGINT  NOT NULL,
  version    BIGINT  NOT NULL
);

CREATE TABLE tenant_clock (
  tenant_id   BYTEA   NOT NULL PRIMARY KEY,
  database_id BYTEA   NOT NULL,
  epoch       BYTEA   NOT NULL,
  seq         BIGINT  NOT NULL,
  floor_seq   BIGINT  NOT NULL
);

-- The log: ordered, ids only.
CREATE TABLE change (
  tenant_id BYTEA   NOT NULL,
  seq       BIGINT  NOT NULL,
  scope     BYTEA   NOT NULL,
  kind      TEXT    NOT NULL,
  entity_id BYTEA   NOT NULL,
  root      BYTEA   NOT NULL,
  op        TEXT    NOT NULL,
  tx_end    BIGINT  NOT NULL CHECK (tx_end IN (0, 1)),
  PRIMARY KEY (tenant_id, seq)
);

-- Members of staff; `user` is a reserved word. Sealed under the user's own key: name, email, password_hash.
CREATE TABLE staff (
  tenant_id     BYTEA   NOT NULL,
  id            BYTEA   NOT NULL,
  key_id        BYTEA   NOT NULL,
  name          BYTEA   NOT NULL,
  email         BYTEA   NOT NULL,
  password_hash BYTEA,
  role          TEXT    NOT NULL,
  status        TEXT    NOT NULL,
  created_at    BIGINT  NOT NULL,
  version       BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE queue (
  tenant_id  BYTEA   NOT NULL,
  id         BYTEA   NOT NULL,
  name       TEXT    NOT NULL,
  created_at BIGINT  NOT NULL,
  version    BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE user_queue (
  tenant_id BYTEA NOT NULL,
  user_id   BYTEA NOT NULL,
  queue_id  BYTEA NOT NULL,
  PRIMARY KEY (tenant_id, user_id, queue_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id),
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id)
);

-- Sealed under the user's key: name.
CREATE TABLE device (
  tenant_id    BYTEA   NOT NULL,
  id           BYTEA   NOT NULL,
  user_id      BYTEA   NOT NULL,
  name         BYTEA   NOT NULL,
  public_key   BYTEA   NOT NULL,
  created_at   BIGINT  NOT NULL,
  last_seen_at BIGINT  NOT NULL,
  revoked_at   BIGINT,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id)
);
CREATE INDEX device_by_user ON device (tenant_id, user_id);

-- A device's chain of refresh tokens, as hashes. One is unspent; the spent ones are kept to recognise a stolen one.
CREATE TABLE refresh_token (
  tenant_id  BYTEA   NOT NULL,
  hash       BYTEA   NOT NULL,
  device_id  BYTEA   NOT NULL,
  issued_at  BIGINT  NOT NULL,
  used_at    BIGINT,
  spent_at   BIGINT,
  refresh_id BYTEA,
  successor  BYTEA,
  PRIMARY KEY (tenant_id, hash),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
);
CREATE INDEX refresh_token_by_device ON refresh_token (tenant_id, device_id);

CREATE TABLE access_token (
  tenant_id    BYTEA   NOT NULL,
  hash         BYTEA   NOT NULL,
  device_id    BYTEA   NOT NULL,
  refresh_hash BYTEA   NOT NULL,
  expires_at   BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, hash),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
);
CREATE INDEX access_token_by_device ON access_token (tenant_id, device_id);

-- Invitations and resets: single use, as hashes.
CREATE TABLE link (
  tenant_id  BYTEA   NOT NULL,
  hash       BYTEA   NOT NULL,
  purpose    TEXT    NOT NULL,
  user_id    BYTEA   NOT NULL,
  expires_at BIGINT  NOT NULL,
  used_at    BIGINT,
  PRIMARY KEY (tenant_id, hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id)
);

-- Sealed under the account's own key: token.
CREATE TABLE channel_account (
  tenant_id       BYTEA   NOT NULL,
  id              BYTEA   NOT NULL,
  key_id          BYTEA   NOT NULL,
  phone_number_id TEXT    NOT NULL,
  waba_id         TEXT    NOT NULL,
  portfolio_id    TEXT,
  display_name    TEXT    NOT NULL,
  display_number  TEXT    NOT NULL,
  queue_id        BYTEA   NOT NULL,
  status          TEXT    NOT NULL,
  token           BYTEA,
  created_at      BIGINT  NOT NULL,
  version         BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, phone_number_id),
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id)
);

-- Sealed under the contact's key: name, username. key_id is the key of what is written next.
CREATE TABLE contact (
  tenant_id  BYTEA   NOT NULL,
  id         BYTEA   NOT NULL,
  key_id     BYTEA   NOT NULL,
  name       BYTEA,
  username   BYTEA,
  erased     BIGINT  NOT NULL CHECK (erased IN (0, 1)),
  created_at BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

-- The set of keys a contact owns: merging adds, erasure destroys all.
CREATE TABLE contact_key (
  tenant_id  BYTEA NOT NULL,
  contact_id BYTEA NOT NULL,
  key_id     BYTEA NOT NULL,
  PRIMARY KEY (tenant_id, contact_id, key_id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);

-- How a contact is found: keyed hashes. Sealed under the contact's key: value.
CREATE TABLE alias (
  tenant_id  BYTEA   NOT NULL,
  kind       TEXT    NOT NULL,
  hash       BYTEA   NOT NULL,
  contact_id BYTEA   NOT NULL,
  value      BYTEA   NOT NULL,
  created_at BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, kind, hash),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);
CREATE INDEX alias_by_contact ON alias (tenant_id, contact_id);

CREATE TABLE conversation (
  tenant_id                BYTEA   NOT NULL,
  id                       BYTEA   NOT NULL,
  contact_id               BYTEA   NOT NULL,
  account_id               BYTEA   NOT NULL,
  queue_id                 BYTEA   NOT NULL,
  assignee_id              BYTEA,
  status                   TEXT    NOT NULL,
  priority                 TEXT    NOT NULL,
  snoozed_until            BIGINT,
  last_customer_message_at BIGINT,
  last_message_at          BIGINT  NOT NULL,
  waiting_since            BIGINT,
  created_at               BIGINT  NOT NULL,
  version                  BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, contact_id, account_id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_account (tenant_id, id),
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id),
  FOREIGN KEY (tenant_id, assignee_id) REFERENCES staff (tenant_id, id)
);
CREATE INDEX conversation_by_time ON conversation (tenant_id, last_message_at, id);

-- How far each member of staff has read. A version of 0 is one that its transaction has not numbered yet.
CREATE TABLE read_mark (
  tenant_id       BYTEA   NOT NULL,
  user_id         BYTEA   NOT NULL,
  conversation_id BYTEA   NOT NULL,
  through         BIGINT  NOT NULL,
  version         BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, user_id, conversation_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id)
);

-- Sealed under the contact's key: body, wamid. `at` is the message's place in the thread: Meta's time for what came
-- from there, ours for what goes out. first_version is where it came into the log; version moves with its ticks. left_at is
-- when it was first tried to be sent.
CREATE TABLE message (
  tenant_id       BYTEA   NOT NULL,
  id              BYTEA   NOT NULL,
  conversation_id BYTEA   NOT NULL,
  kind            TEXT    NOT NULL,
  direction       TEXT    NOT NULL,
  origin          TEXT    NOT NULL,
  at              BIGINT  NOT NULL,
  provider_at     BIGINT,
  created_at      BIGINT  NOT NULL,
  author_id       BYTEA,
  status          TEXT,
  status_at       BIGINT,
  failure         TEXT,
  left_at         BIGINT,
  body            BYTEA   NOT NULL,
  wamid_hash      BYTEA,
  wamid           BYTEA,
  first_version   BIGINT  NOT NULL,
  version         BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, wamid_hash),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id)
);
CREATE INDEX message_by_place ON message (tenant_id, conversation_id, at, id);
-- What went out, as it came into the log: whether a colleague answered, and how fast one person is written to.
CREATE INDEX message_out ON message (tenant_id, conversation_id, first_version) WHERE direction = 'outbound';

-- Meta's own JSON of each event. Sealed under the contact's key, or the account's where it is about nobody: body.
CREATE TABLE raw_event (
  tenant_id   BYTEA   NOT NULL,
  id          BYTEA   NOT NULL,
  contact_id  BYTEA,
  account_id  BYTEA,
  message_id  BYTEA,
  kind        TEXT    NOT NULL,
  received_at BIGINT  NOT NULL,
  body        BYTEA   NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_account (tenant_id, id),
  CHECK ((contact_id IS NULL) <> (account_id IS NULL))
);
CREATE INDEX raw_event_by_contact ON raw_event (tenant_id, contact_id);

-- Envelopes of durable work. Outside row security, so that a worker finds due work of any tenant: ids and times only.
CREATE TABLE job (
  id          BYTEA   NOT NULL PRIMARY KEY,
  tenant_id   BYTEA   NOT NULL,
  kind        TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  run_at      BIGINT  NOT NULL,
  lease_until BIGINT  NOT NULL,
  attempts    BIGINT  NOT NULL,
  lane        BYTEA,
  lane_place  BIGINT  NOT NULL,
  failure     TEXT,
  created_at  BIGINT  NOT NULL
);
CREATE INDEX job_due ON job (state, run_at, id);
CREATE INDEX job_by_lane ON job (tenant_id, lane, lane_place);

-- What a job is about: ids only, never content.
CREATE TABLE job_payload (
  tenant_id BYTEA NOT NULL,
  job_id    BYTEA NOT NULL,
  args      TEXT NOT NULL,
  PRIMARY KEY (tenant_id, job_id)
);

-- Outcomes of commands: codes and ids only.
CREATE TABLE command_outcome (
  tenant_id  BYTEA   NOT NULL,
  command_id BYTEA   NOT NULL,
  user_id    BYTEA   NOT NULL,
  device_id  BYTEA   NOT NULL,
  body_hash  BYTEA   NOT NULL,
  outcome    TEXT    NOT NULL,
  seq        BIGINT  NOT NULL,
  expires_at BIGINT  NOT NULL,
  PRIMARY KEY (tenant_id, command_id)
);
CREATE INDEX command_outcome_by_device ON command_outcome (tenant_id, device_id, seq, command_id);

-- Facts for the audit log, written with the act and chained within a second. Ids only.
CREATE TABLE audit_pending (
  tenant_id    BYTEA   NOT NULL,
  id           BYTEA   NOT NULL,
  at           BIGINT  NOT NULL,
  actor_id     BYTEA,
  device_id    BYTEA,
  act          TEXT    NOT NULL,
  subject_kind TEXT,
  subject_id   BYTEA,
  PRIMARY KEY (tenant_id, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON tenant, tenant_clock, change, staff, queue, user_queue, device,
  refresh_token, access_token, link, channel_account, contact, contact_key, alias, conversation, read_mark,
  message, raw_event, job, job_payload, command_outcome, audit_pending TO deskbell_app;

-- A transaction sees and writes the rows of the tenant it was opened for, and of nobody when it was opened for none.

ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE tenant_clock ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_clock FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON tenant_clock
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE change ENABLE ROW LEVEL SECURITY;
ALTER TABLE change FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON change
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON staff
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON queue
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE user_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_queue FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON user_queue
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE device ENABLE ROW LEVEL SECURITY;
ALTER TABLE device FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON device
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE refresh_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_token FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON refresh_token
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE access_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_token FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON access_token
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE link ENABLE ROW LEVEL SECURITY;
ALTER TABLE link FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON link
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE channel_account ENABLE ROW LEVEL SECURITY;
ALTER TABLE channel_account FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON channel_account
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE contact ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON contact
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE contact_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_key FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON contact_key
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE alias ENABLE ROW LEVEL SECURITY;
ALTER TABLE alias FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON alias
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE conversation ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON conversation
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE read_mark ENABLE ROW LEVEL SECURITY;
ALTER TABLE read_mark FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON read_mark
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE message ENABLE ROW LEVEL SECURITY;
ALTER TABLE message FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON message
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE raw_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE raw_event FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON raw_event
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE job_payload ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_payload FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON job_payload
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE command_outcome ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_outcome FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON command_outcome
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));

ALTER TABLE audit_pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_pending FORCE ROW LEVEL SECURITY;
CREATE POLICY own_tenant ON audit_pending
  USING (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'))
  WITH CHECK (tenant_id = decode(current_setting('deskbell.tenant', true), 'hex'));
