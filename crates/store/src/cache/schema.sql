-- The cache. It is dropped and loaded again when its shape changes, so it has no migrations: raise VERSION in cache.rs.
-- Ids are 16 bytes, times milliseconds, bodies the JSON of the wire.

-- Where the cache stands in the log, and how far a running snapshot has come. One row.
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BLOB,
    seq INTEGER,
    cursor TEXT,
    snapshot_epoch BLOB,
    snapshot_seq INTEGER,
    snapshot_cursor TEXT,
    snapshot_next TEXT,
    scopes TEXT NOT NULL,
    -- Raised with each snapshot; rows that it does not bring have a lower one.
    generation INTEGER NOT NULL
) STRICT;

INSERT INTO state (id, scopes, generation) VALUES (1, '[]', 0);

-- Everything but messages. What stands behind `body` is derived from it, and null where this version cannot read it:
-- such a row is kept, and not shown.
CREATE TABLE entity (
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    root BLOB NOT NULL,
    generation INTEGER NOT NULL,
    body TEXT NOT NULL,
    -- Of conversations: who has it, and its place in every list.
    assignee BLOB,
    list_group INTEGER,
    list_key INTEGER,
    -- Of conversations and read marks: up to when the user has read. A conversation has it from its mark.
    read_through INTEGER,
    -- Of conversations: the customer's messages behind that, as far as they are known without a hole.
    unread INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX entity_by_root ON entity (root);
CREATE INDEX conversation_by_place ON entity (list_group, list_key, id) WHERE list_group IS NOT NULL;
CREATE INDEX conversation_by_assignee ON entity (assignee, list_group, list_key, id) WHERE list_group IS NOT NULL;
CREATE INDEX conversation_unread ON entity (list_group, unread, id) WHERE list_group < 2 AND unread > 0;

-- `at` is null where the body cannot be read.
CREATE TABLE message (
    id BLOB PRIMARY KEY,
    conversation BLOB NOT NULL,
    version INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    at INTEGER,
    inbound INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX message_by_place ON message (conversation, at, id);
CREATE INDEX message_inbound ON message (conversation, at, id) WHERE inbound = 1;

-- Where the known messages of a conversation begin, and how to ask for those before. The edge is null where the whole
-- conversation lies before it.
CREATE TABLE gap (
    conversation BLOB PRIMARY KEY,
    token TEXT NOT NULL,
    edge_at INTEGER,
    edge_id BLOB
) STRICT, WITHOUT ROWID;

-- Commands whose effects the rows above show, and that may still be in the outbox.
CREATE TABLE settled (
    command BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
