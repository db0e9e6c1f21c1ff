-- What people have the list of secrets in the order of.
CREATE INDEX objects_by_description ON objects (description COLLATE NOCASE) WHERE deleted_at IS NULL;
CREATE INDEX objects_by_version ON objects (current) WHERE deleted_at IS NULL;
