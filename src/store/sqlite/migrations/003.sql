-- Of a token only its SHA-256 is kept. A revoked or expired one keeps its row. `voucher` is about all columns before it
-- but those of the revocation, which must agree with the log.
CREATE TABLE tokens (
    seq         INTEGER PRIMARY KEY,
    token_id    TEXT NOT NULL UNIQUE,
    hash        BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    revoked_by  TEXT,
    creator     TEXT NOT NULL,
    permissions TEXT NOT NULL,
    voucher     BLOB NOT NULL,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
) STRICT;
CREATE INDEX tokens_name ON tokens (name);
CREATE INDEX tokens_creator ON tokens (creator);
