-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.

-- record
INSERT INTO cache_invalidations (tag, created_at) OUTPUT inserted.invalidation_id VALUES (?, ?), (?, ?);
--   'catalog' VARCHAR; a time; 'category:104' VARCHAR; a time

-- has_landed
SELECT count(*) AS count_1
FROM cache_invalidations WITH (READCOMMITTEDLOCK)
WHERE cache_invalidations.invalidation_id = ? AND cache_invalidations.created_at = ?;
--   7; a time

-- mark
UPDATE cache_invalidations SET applied_at=? WHERE cache_invalidations.invalidation_id IN (?, ?) AND
    cache_invalidations.applied_at IS NULL;
--   a time; 7; 8

-- delete
DELETE FROM cache_invalidations WHERE cache_invalidations.invalidation_id IN (?, ?);
--   7; 8
