-- The outbox, version 1. What a person typed is here, so it changes by migrations only.

-- What the user did, in that order. `item` is the JSON of the command and how far it has come.
CREATE TABLE command (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    conversation BLOB NOT NULL,
    item TEXT NOT NULL
) STRICT;

CREATE INDEX command_by_conversation ON command (conversation);

-- What is typed and not sent.
CREATE TABLE draft (
    conversation BLOB PRIMARY KEY,
    text TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A renewal whose answer has not come, and times that only rise. One row.
CREATE TABLE note (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    renewal BLOB,
    highest_time INTEGER,
    lease_until INTEGER
) STRICT;

INSERT INTO note (id) VALUES (1);
