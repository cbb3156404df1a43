-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.

-- lock_admin_roles
EXEC sp_getapplock @Resource = ?, @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = ?;
--   'identity:admins'; 4000
SELECT APPLOCK_MODE(N'public', ?, N'Transaction') AS lock_mode;
--   'identity:admins'
