-- hold_admins
SELECT TOP (1) object_id FROM sys.objects;
DECLARE @result int; EXEC @result = sp_getapplock @Resource = 'identity:admins', @LockMode = 'Exclusive', @LockOwner =
    'Transaction', @LockTimeout = 4000; SELECT @result;
