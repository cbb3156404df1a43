-- What the merges of products and of categories share. The counterpart for SQLite is
-- local/datafactory/stores/sqlite/merge.py. Batches end with GO; `migrate` recreates these objects at each upgrade.
--
-- Only what Azure SQL, SQL Server and Babelfish all know is used: no MERGE, no CREATE OR ALTER, no CTE in front of a
-- change. $(CODE_POINTS) is a collation with which LEN and LEFT count code points, not UTF-16 units. It is empty on a
-- server that counts code points anyway (Babelfish).
--
-- There is no TRY and no CATCH: with XACT_ABORT any error, time limit or cancelled call rolls everything back, and Data
-- Factory gets SQL Server's own error.

-- Returns why a merge must not begin or go on. @status stays NULL if nothing prevents it.
CREATE PROCEDURE [import].[end_early]
    @import_id CHAR(36),
    @status VARCHAR(10) OUTPUT,
    @message NVARCHAR(2000) OUTPUT
AS
BEGIN
    SET NOCOUNT ON;

    SELECT @status = status, @message = message FROM [dbo].[import_outcomes] WHERE import_id = @import_id;

    IF @status IS NULL
        SELECT @status = 'cancelled', @message = N'Cancelled on request; nothing was loaded.'
        FROM [import].[import_records]
        WHERE import_id = @import_id AND cancel_requested = 1;

    IF @status IS NULL
        SELECT
            @status = 'cancelled',
            @message = N'A newer upload of ' + record.blob_name + N' was loaded before this one; nothing was loaded.'
        FROM [import].[import_records] AS record
        WHERE record.import_id = @import_id
            AND EXISTS (
                SELECT 1
                FROM [dbo].[import_outcomes] AS newer
                WHERE newer.blob_name = record.blob_name
                    AND newer.sequence > record.sequence
                    AND newer.status = 'succeeded'
            );
END;
GO

-- Allows one merge at a time for each table, and no other writer of these tables, until the transaction ends. Readers
-- see the state before (read committed snapshot). Categories come first, as in every write of the app.
CREATE PROCEDURE [import].[lock_tables]
    @kind VARCHAR(10)
AS
BEGIN
    SET NOCOUNT ON;

    DECLARE @granted INT;
    DECLARE @locked INT;
    DECLARE @message NVARCHAR(200);

    EXEC @granted = sp_getapplock
        @Resource = N'import.categories', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 1800000;
    IF @granted < 0
    BEGIN
        SET @message = N'Another merge has held the categories for half an hour.';
        THROW 50002, @message, 1;
    END;
    SELECT TOP (1) @locked = category_id FROM [dbo].[categories] WITH (TABLOCKX, HOLDLOCK);

    IF @kind = 'products'
    BEGIN
        EXEC @granted = sp_getapplock
            @Resource = N'import.products', @LockMode = N'Exclusive', @LockOwner = N'Transaction', @LockTimeout = 1800000;
        IF @granted < 0
        BEGIN
            SET @message = N'Another merge has held the products for half an hour.';
            THROW 50002, @message, 1;
        END;
        SELECT TOP (1) @locked = category_id FROM [dbo].[products] WITH (TABLOCKX, HOLDLOCK);
    END;
END;
GO

-- Deletes the staging rows of the run that has just been merged. (The app deletes those of runs that never reached a
-- merge.) It deletes in the order of the table and in short transactions, so that the log needn't hold them all.
CREATE PROCEDURE [import].[drop_staging_rows]
    @kind VARCHAR(10),
    @run_id VARCHAR(64)
AS
BEGIN
    SET NOCOUNT ON;

    DECLARE @first BIGINT;
    DECLARE @last BIGINT;

    IF @kind = 'products'
        SELECT @first = MIN(row_no), @last = MAX(row_no) FROM [import].[products_staging] WHERE run_id = @run_id;
    ELSE
        SELECT @first = MIN(row_no), @last = MAX(row_no) FROM [import].[categories_staging] WHERE run_id = @run_id;
    WHILE @first <= @last
    BEGIN
        IF @kind = 'products'
            DELETE FROM [import].[products_staging]
            WHERE row_no BETWEEN @first AND @first + 49999 AND row_no <= @last AND run_id = @run_id;
        ELSE
            DELETE FROM [import].[categories_staging]
            WHERE row_no BETWEEN @first AND @first + 49999 AND row_no <= @last AND run_id = @run_id;
        SET @first = @first + 50000;
    END;
END;
GO

-- A whole merge. It judges the rows before it takes the lock. It compares and writes them in one transaction, which also
-- writes the outcome, the rejects and the cache tags made stale. Returns the outcome as its one result set.
CREATE PROCEDURE [import].[run_merge]
    @kind VARCHAR(10),
    @import_id CHAR(36),
    @run_id VARCHAR(64),
    @rows_skipped BIGINT
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

    DECLARE @blob_name NVARCHAR(1024);
    DECLARE @sequence BIGINT;
    DECLARE @max_reject_share FLOAT;
    DECLARE @csv_columns VARCHAR(400);
    DECLARE @status VARCHAR(10);
    DECLARE @message NVARCHAR(2000);
    DECLARE @read BIGINT;
    DECLARE @inserted BIGINT;
    DECLARE @updated BIGINT;
    DECLARE @unchanged BIGINT;
    DECLARE @superseded BIGINT;
    DECLARE @rejected BIGINT;
    DECLARE @now DATETIME2(6);
    DECLARE @granted INT;
    DECLARE @reading NVARCHAR(128);

    -- Held to the end, even if Data Factory has given up the call. While it is held, the app's timer, which deletes the
    -- rows of ended runs, leaves the rows of this run.
    SET @reading = N'import.run.' + @run_id;
    EXEC @granted = sp_getapplock
        @Resource = @reading, @LockMode = N'Shared', @LockOwner = N'Session', @LockTimeout = 60000;
    IF @granted < 0
    BEGIN
        SET @message = N'The rows of run ' + @run_id + N' are being taken away.';
        THROW 50004, @message, 1;
    END;

    SELECT
        @blob_name = blob_name, @sequence = sequence, @max_reject_share = max_reject_share, @csv_columns = csv_columns
    FROM [import].[import_records]
    WHERE import_id = @import_id;
    IF @sequence IS NULL
    BEGIN
        SET @message = N'There is no import ' + RTRIM(@import_id) + N'.';
        THROW 50001, @message, 1;
    END;

    CREATE TABLE #rejected (row_no BIGINT NOT NULL PRIMARY KEY, reason NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL);
    CREATE TABLE #superseded (row_no BIGINT NOT NULL PRIMARY KEY);

    EXEC [import].[end_early] @import_id, @status OUTPUT, @message OUTPUT;
    IF @status IS NULL AND @kind = 'products'
        EXEC [import].[judge_products] @run_id, @csv_columns;
    IF @status IS NULL AND @kind = 'categories'
        EXEC [import].[judge_categories] @run_id;

    BEGIN TRANSACTION;
    EXEC [import].[lock_tables] @kind;
    -- Taken under the lock, so that what another merge wrote before isn't dated after this one.
    SET @now = SYSUTCDATETIME();
    -- Asked again: another run may have merged since, or the import may have been cancelled. If the first answer kept
    -- the rows from being judged, they are not merged.
    IF @status IS NULL
        EXEC [import].[end_early] @import_id, @status OUTPUT, @message OUTPUT;

    IF @status IS NULL
    BEGIN
        IF @kind = 'products'
            SELECT @read = COUNT_BIG(*) + @rows_skipped FROM [import].[products_staging] WHERE run_id = @run_id;
        ELSE
            SELECT @read = COUNT_BIG(*) + @rows_skipped FROM [import].[categories_staging] WHERE run_id = @run_id;
        SELECT @rejected = COUNT_BIG(*) + @rows_skipped FROM #rejected;

        IF @rejected > @max_reject_share * @read
        BEGIN
            SET @status = 'failed';
            -- MONEY gives the numbers their commas, whatever the server's language.
            SET @message = LTRIM(RTRIM(REPLACE(CONVERT(NVARCHAR(40), CONVERT(MONEY, @rejected), 1), N'.00', N'')))
                + N' of ' + LTRIM(RTRIM(REPLACE(CONVERT(NVARCHAR(40), CONVERT(MONEY, @read), 1), N'.00', N'')))
                + N' rows were rejected, more than the allowed share of '
                + LTRIM(RTRIM(CONVERT(NVARCHAR(40), @max_reject_share * 100))) + N' %; nothing was loaded.';
        END
        ELSE
        BEGIN
            SELECT @superseded = COUNT_BIG(*) FROM #superseded;
            IF @kind = 'products'
                EXEC [import].[write_products] @run_id, @csv_columns, @now, @inserted OUTPUT, @updated OUTPUT;
            ELSE
                EXEC [import].[write_categories] @run_id, @now, @inserted OUTPUT, @updated OUTPUT;
            SET @unchanged = @read - @rejected - @superseded - @inserted - @updated;
            SET @status = 'succeeded';
        END;

        -- A cancel request is seen up to here.
        IF EXISTS (SELECT 1 FROM [import].[import_records] WHERE import_id = @import_id AND cancel_requested = 1)
        BEGIN
            ROLLBACK TRANSACTION;
            SELECT @read = NULL, @inserted = NULL, @updated = NULL, @unchanged = NULL, @superseded = NULL, @rejected = NULL;
            SET @status = 'cancelled';
            SET @message = N'Cancelled on request; nothing was loaded.';
            BEGIN TRANSACTION;
        END
        ELSE
        BEGIN
            DELETE FROM [import].[import_rejects] WHERE import_id = @import_id;
            IF @kind = 'products'
                EXEC [import].[keep_rejected_products] @import_id;
            ELSE
                EXEC [import].[keep_rejected_categories] @import_id;
        END;
    END;

    INSERT INTO [dbo].[import_outcomes] (
        import_id, blob_name, sequence, status, message, rows_read, rows_inserted, rows_updated, rows_unchanged,
        rows_superseded, rows_rejected, merged_at
    )
    SELECT
        @import_id, @blob_name, @sequence, @status, @message, @read, @inserted, @updated, @unchanged,
        @superseded, @rejected, @now
    WHERE NOT EXISTS (SELECT 1 FROM [dbo].[import_outcomes] WITH (UPDLOCK, HOLDLOCK) WHERE import_id = @import_id);
    -- The first outcome counts. If there is one already (the import was merged before, or the app has given it up),
    -- nothing of this merge may stay.
    IF @@ROWCOUNT = 1
        COMMIT TRANSACTION;
    ELSE
        ROLLBACK TRANSACTION;

    EXEC [import].[drop_staging_rows] @kind, @run_id;
    EXEC sp_releaseapplock @Resource = @reading, @LockOwner = N'Session';

    SELECT
        import_id, status, message, rows_read, rows_inserted, rows_updated, rows_unchanged, rows_superseded, rows_rejected
    FROM [dbo].[import_outcomes]
    WHERE import_id = @import_id;
END;
GO
