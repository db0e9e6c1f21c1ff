-- The name of a devbox: one that lives has it alone.
ALTER TABLE instances ADD COLUMN devbox TEXT;
CREATE UNIQUE INDEX devboxes ON instances (devbox) WHERE over = 0;
