-- Which containers have which values: an inventory, of which nothing but a report depends. Beside the log, which has all
-- of it too, nothing vouches for these rows. One is removed when its container has gone.
CREATE TABLE injections (
    injection TEXT PRIMARY KEY,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    container TEXT NOT NULL,
    holds     TEXT NOT NULL,
    boot      TEXT NOT NULL,
    pid       INTEGER,
    started   INTEGER,
    namespace INTEGER,
    CHECK ((pid IS NULL) = (started IS NULL) AND (pid IS NULL) = (namespace IS NULL))
) STRICT, WITHOUT ROWID;
