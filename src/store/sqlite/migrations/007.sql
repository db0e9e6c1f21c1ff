-- What a container was given is in the log already, and is read there: this says where. What was noted before names no
-- place in the log; containers that run come back when they are next created.
DROP TABLE injections;
CREATE TABLE injections (
    injection INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    entry     INTEGER NOT NULL,
    entries   INTEGER NOT NULL,
    name      TEXT NOT NULL,
    host      TEXT NOT NULL,
    boot      TEXT NOT NULL,
    pid       INTEGER,
    started   INTEGER,
    namespace INTEGER,
    CHECK ((pid IS NULL) = (started IS NULL) AND (pid IS NULL) = (namespace IS NULL))
) STRICT;
