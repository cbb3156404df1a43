-- hold_admins
DECLARE @result int; EXEC @result = sp_getapplock @Resource = 'identity:admins', @LockMode = 'Exclusive', @LockOwner =
    'Transaction', @LockTimeout = 4000; SELECT @result;
