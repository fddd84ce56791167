-- One tenant's data. Sealed columns are marked so; each envelope names its key and opens at its own place only.

CREATE TABLE tenant (
  tenant_id  BLOB    NOT NULL PRIMARY KEY,
  name       TEXT    NOT NULL,
  time_zone  TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL
) STRICT;

CREATE TABLE tenant_clock (
  tenant_id   BLOB    NOT NULL PRIMARY KEY,
  database_id BLOB    NOT NULL,
  epoch       BLOB    NOT NULL,
  seq         INTEGER NOT NULL,
  floor_seq   INTEGER NOT NULL
) STRICT;

-- The log: ordered, ids only.
CREATE TABLE change (
  tenant_id BLOB    NOT NULL,
  seq       INTEGER NOT NULL,
  scope     BLOB    NOT NULL,
  kind      TEXT    NOT NULL,
  entity_id BLOB    NOT NULL,
  root      BLOB    NOT NULL,
  op        TEXT    NOT NULL,
  tx_end    INTEGER NOT NULL CHECK (tx_end IN (0, 1)),
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

-- Members of staff; `user` is a reserved word. Sealed under the user's own key: name, email, password_hash.
CREATE TABLE staff (
  tenant_id     BLOB    NOT NULL,
  id            BLOB    NOT NULL,
  key_id        BLOB    NOT NULL,
  name          BLOB    NOT NULL,
  email         BLOB    NOT NULL,
  password_hash BLOB,
  role          TEXT    NOT NULL,
  status        TEXT    NOT NULL,
  created_at    INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE queue (
  tenant_id  BLOB    NOT NULL,
  id         BLOB    NOT NULL,
  name       TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE user_queue (
  tenant_id BLOB NOT NULL,
  user_id   BLOB NOT NULL,
  queue_id  BLOB NOT NULL,
  PRIMARY KEY (tenant_id, user_id, queue_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id),
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id)
) STRICT;

-- Sealed under the user's key: name.
CREATE TABLE device (
  tenant_id    BLOB    NOT NULL,
  id           BLOB    NOT NULL,
  user_id      BLOB    NOT NULL,
  name         BLOB    NOT NULL,
  public_key   BLOB    NOT NULL,
  created_at   INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  revoked_at   INTEGER,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id)
) STRICT;
CREATE INDEX device_by_user ON device (tenant_id, user_id);

-- A device's chain of refresh tokens, as hashes. One is unspent; the spent ones are kept to recognise a stolen one.
CREATE TABLE refresh_token (
  tenant_id  BLOB    NOT NULL,
  hash       BLOB    NOT NULL,
  device_id  BLOB    NOT NULL,
  issued_at  INTEGER NOT NULL,
  used_at    INTEGER,
  spent_at   INTEGER,
  refresh_id BLOB,
  successor  BLOB,
  PRIMARY KEY (tenant_id, hash),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
) STRICT;
CREATE INDEX refresh_token_by_device ON refresh_token (tenant_id, device_id);

CREATE TABLE access_token (
  tenant_id    BLOB    NOT NULL,
  hash         BLOB    NOT NULL,
  device_id    BLOB    NOT NULL,
  refresh_hash BLOB    NOT NULL,
  expires_at   INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, hash),
  FOREIGN KEY (tenant_id, device_id) REFERENCES device (tenant_id, id)
) STRICT;
CREATE INDEX access_token_by_device ON access_token (tenant_id, device_id);

-- Invitations and resets: single use, as hashes.
CREATE TABLE link (
  tenant_id  BLOB    NOT NULL,
  hash       BLOB    NOT NULL,
  purpose    TEXT    NOT NULL,
  user_id    BLOB    NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER,
  PRIMARY KEY (tenant_id, hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id)
) STRICT;

-- Sealed under the account's own key: token.
CREATE TABLE channel_account (
  tenant_id       BLOB    NOT NULL,
  id              BLOB    NOT NULL,
  key_id          BLOB    NOT NULL,
  phone_number_id TEXT    NOT NULL,
  waba_id         TEXT    NOT NULL,
  portfolio_id    TEXT,
  display_name    TEXT    NOT NULL,
  display_number  TEXT    NOT NULL,
  queue_id        BLOB    NOT NULL,
  status          TEXT    NOT NULL,
  token           BLOB,
  created_at      INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, phone_number_id),
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id)
) STRICT;

-- Sealed under the contact's key: name, username. key_id is the key of what is written next.
CREATE TABLE contact (
  tenant_id  BLOB    NOT NULL,
  id         BLOB    NOT NULL,
  key_id     BLOB    NOT NULL,
  name       BLOB,
  username   BLOB,
  erased     INTEGER NOT NULL CHECK (erased IN (0, 1)),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id)
) STRICT;

-- The set of keys a contact owns: merging adds, erasure destroys all.
CREATE TABLE contact_key (
  tenant_id  BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  key_id     BLOB NOT NULL,
  PRIMARY KEY (tenant_id, contact_id, key_id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
) STRICT, WITHOUT ROWID;

-- How a contact is found: keyed hashes. Sealed under the contact's key: value.
CREATE TABLE alias (
  tenant_id  BLOB    NOT NULL,
  kind       TEXT    NOT NULL,
  hash       BLOB    NOT NULL,
  contact_id BLOB    NOT NULL,
  value      BLOB    NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, kind, hash),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
) STRICT;
CREATE INDEX alias_by_contact ON alias (tenant_id, contact_id);

CREATE TABLE conversation (
  tenant_id                BLOB    NOT NULL,
  id                       BLOB    NOT NULL,
  contact_id               BLOB    NOT NULL,
  account_id               BLOB    NOT NULL,
  queue_id                 BLOB    NOT NULL,
  assignee_id              BLOB,
  status                   TEXT    NOT NULL,
  priority                 TEXT    NOT NULL,
  snoozed_until            INTEGER,
  last_customer_message_at INTEGER,
  last_message_at          INTEGER NOT NULL,
  waiting_since            INTEGER,
  created_at               INTEGER NOT NULL,
  version                  INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, contact_id, account_id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_account (tenant_id, id),
  FOREIGN KEY (tenant_id, queue_id) REFERENCES queue (tenant_id, id),
  FOREIGN KEY (tenant_id, assignee_id) REFERENCES staff (tenant_id, id)
) STRICT;
CREATE INDEX conversation_by_time ON conversation (tenant_id, last_message_at, id);

-- How far each member of staff has read. A version of 0 is one that its transaction has not numbered yet.
CREATE TABLE read_mark (
  tenant_id       BLOB    NOT NULL,
  user_id         BLOB    NOT NULL,
  conversation_id BLOB    NOT NULL,
  through         INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, user_id, conversation_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES staff (tenant_id, id),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id)
) STRICT;

-- Sealed under the contact's key: body, wamid. `at` is the message's place in the thread: Meta's time for what came
-- from there, ours for what goes out. first_version is where it came into the log; version moves with its ticks. left_at is
-- when it was first tried to be sent.
CREATE TABLE message (
  tenant_id       BLOB    NOT NULL,
  id              BLOB    NOT NULL,
  conversation_id BLOB    NOT NULL,
  kind            TEXT    NOT NULL,
  direction       TEXT    NOT NULL,
  origin          TEXT    NOT NULL,
  at              INTEGER NOT NULL,
  provider_at     INTEGER,
  created_at      INTEGER NOT NULL,
  author_id       BLOB,
  status          TEXT,
  status_at       INTEGER,
  failure         TEXT,
  left_at         INTEGER,
  body            BLOB    NOT NULL,
  wamid_hash      BLOB,
  wamid           BLOB,
  first_version   INTEGER NOT NULL,
  version         INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, wamid_hash),
  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversation (tenant_id, id)
) STRICT;
CREATE INDEX message_by_place ON message (tenant_id, conversation_id, at, id);
-- What went out, as it came into the log: whether a colleague answered, and how fast one person is written to.
CREATE INDEX message_out ON message (tenant_id, conversation_id, first_version) WHERE direction = 'outbound';

-- Meta's own JSON of each event. Sealed under the contact's key, or the account's where it is about nobody: body.
CREATE TABLE raw_event (
  tenant_id   BLOB    NOT NULL,
  id          BLOB    NOT NULL,
  contact_id  BLOB,
  account_id  BLOB,
  message_id  BLOB,
  kind        TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  body        BLOB    NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
  FOREIGN KEY (tenant_id, account_id) REFERENCES channel_account (tenant_id, id),
  CHECK ((contact_id IS NULL) <> (account_id IS NULL))
) STRICT;
CREATE INDEX raw_event_by_contact ON raw_event (tenant_id, contact_id);

-- Envelopes of durable work. On PostgreSQL this table stands outside row security, so that a worker finds due work
-- of any tenant; here each tenant's file has its own, because one transaction cannot span two files safely.
CREATE TABLE job (
  id          BLOB    NOT NULL PRIMARY KEY,
  tenant_id   BLOB    NOT NULL,
  kind        TEXT    NOT NULL,
  state       TEXT    NOT NULL,
  run_at      INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  lane        BLOB,
  lane_place  INTEGER NOT NULL,
  failure     TEXT,
  created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX job_due ON job (state, run_at, id);
CREATE INDEX job_by_lane ON job (tenant_id, lane, lane_place);

-- What a job is about: ids only, never content.
CREATE TABLE job_payload (
  tenant_id BLOB NOT NULL,
  job_id    BLOB NOT NULL,
  args      TEXT NOT NULL,
  PRIMARY KEY (tenant_id, job_id)
) STRICT;

-- Outcomes of commands: codes and ids only.
CREATE TABLE command_outcome (
  tenant_id  BLOB    NOT NULL,
  command_id BLOB    NOT NULL,
  user_id    BLOB    NOT NULL,
  device_id  BLOB    NOT NULL,
  body_hash  BLOB    NOT NULL,
  outcome    TEXT    NOT NULL,
  seq        INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, command_id)
) STRICT;
CREATE INDEX command_outcome_by_device ON command_outcome (tenant_id, device_id, seq, command_id);

-- Facts for the audit log, written with the act and chained within a second. Ids only.
CREATE TABLE audit_pending (
  tenant_id    BLOB    NOT NULL,
  id           BLOB    NOT NULL,
  at           INTEGER NOT NULL,
  actor_id     BLOB,
  device_id    BLOB,
  act          TEXT    NOT NULL,
  subject_kind TEXT,
  subject_id   BLOB,
  PRIMARY KEY (tenant_id, id)
) STRICT;
