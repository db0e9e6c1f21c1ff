-- What the log says was done last to each secret and token. It can be told from the entries; to tell it at each start
-- would mean to read them all.
CREATE TABLE last_changes (
    subject TEXT PRIMARY KEY,
    idx     INTEGER NOT NULL,
    version INTEGER,
    ended   INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT, WITHOUT ROWID;

-- What vouches, by a key under the root key, for the first `size` entries and the rows above as they were then.
CREATE TABLE log_state (
    id   INTEGER PRIMARY KEY CHECK (id = 0),
    size INTEGER NOT NULL,
    tag  BLOB NOT NULL CHECK (length(tag) = 32)
) STRICT;

-- An index can hide a row. What was done last is asked of `last_changes`, which is checked as a whole.
DROP INDEX audit_mutation;
