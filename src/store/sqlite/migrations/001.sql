-- Times are microseconds since 1970-01-01T00:00:00Z.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- The root key under each provider that can open it.
CREATE TABLE root_wraps (
    id         INTEGER PRIMARY KEY,
    provider   TEXT NOT NULL,
    parameters TEXT NOT NULL,
    wrapped    BLOB NOT NULL
) STRICT;

-- Key-encryption keys under the root key.
CREATE TABLE keks (
    kek_id  BLOB PRIMARY KEY,
    state   TEXT NOT NULL CHECK (state IN ('active', 'deactivated')),
    wrapped BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX keks_one_active ON keks (state) WHERE state = 'active';

CREATE TABLE objects (
    seq         INTEGER PRIMARY KEY,
    object_id   TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    revealable  INTEGER NOT NULL CHECK (revealable IN (0, 1)),
    labels      TEXT NOT NULL,
    current     INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;

-- A destroyed version keeps its row; its key and value are NULL together.
CREATE TABLE versions (
    seq         INTEGER PRIMARY KEY,
    object_id   TEXT NOT NULL REFERENCES objects (object_id),
    version     INTEGER NOT NULL CHECK (version > 0),
    created_at  INTEGER NOT NULL,
    wrapped_dek BLOB,
    ciphertext  BLOB,
    UNIQUE (object_id, version),
    CHECK ((wrapped_dek IS NULL) = (ciphertext IS NULL))
) STRICT;

-- `entry` is the canonical form; the other columns repeat parts of it to find it by.
CREATE TABLE audit (
    idx       INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    object_id TEXT,
    version   INTEGER,
    mutation  TEXT CHECK (mutation IN ('create', 'update', 'delete')),
    entry     BLOB NOT NULL
) STRICT;
CREATE INDEX audit_object ON audit (object_id, idx) WHERE object_id IS NOT NULL;
CREATE INDEX audit_mutation ON audit (object_id, idx) WHERE mutation IS NOT NULL;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
-- INSERT OR REPLACE deletes without the trigger above.
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN NEW.idx <> (SELECT coalesce(max(idx) + 1, 0) FROM audit)
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
