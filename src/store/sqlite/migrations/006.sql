-- Groups of containers. What is said of one is JSON: nothing in it is looked for.
CREATE TABLE instances (
    instance_id TEXT PRIMARY KEY,
    over        INTEGER NOT NULL,
    body        TEXT NOT NULL
) STRICT;
CREATE INDEX instances_by_end ON instances (over, instance_id);
