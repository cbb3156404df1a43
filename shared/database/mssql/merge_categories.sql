-- Rendered by `python -m golden` from golden/templates/mssql_merge_categories.sql.j2: change that file, not this one.
--
-- The stored procedure import.merge_categories and its parts in T-SQL. Their counterpart for SQLite stands in
-- local/datafactory/stores/sqlite/. The comments of merge_products.sql hold here too.

CREATE VIEW [import].[categories_read]
AS
SELECT
    row_no, run_id, id, category_name,
    CASE
        WHEN LEN(category_id_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + category_id_digits)
    END AS category_id_number
FROM (
    SELECT
        row_no, run_id, id, category_name,
        SUBSTRING(category_id_cut, PATINDEX(N'%[^0]%', category_id_cut + N'.'), 31) AS category_id_digits
    FROM (
        SELECT
            row_no, run_id, id, category_name,
            CASE
                WHEN id NOT LIKE N'%[^0-9.]%' AND id NOT LIKE N'%.%.%' AND id NOT LIKE N'.'
                    THEN LEFT(id, CHARINDEX(N'.', id + N'.') + 2)
            END AS category_id_cut
        FROM [import].[categories_staging]
    ) AS cut
) AS staged;
GO

CREATE VIEW [import].[categories_incoming]
AS
SELECT
    row_no,
    run_id,
    CASE WHEN category_id_number <= 2147483647 THEN TRY_CONVERT(INT, category_id_number) END AS category_id,
    CONVERT(NVARCHAR(400), category_name) AS name
FROM [import].[categories_read];
GO

-- `01` and `1.0` are the id 1.
CREATE PROCEDURE [import].[judge_categories]
    @run_id VARCHAR(64)
AS
BEGIN
    SET NOCOUNT ON;

    INSERT INTO #rejected (row_no, reason)
    SELECT
        row_no,
        CASE
            WHEN fault NOT LIKE N'%: ' THEN fault
            WHEN LEN((culprit + N'.') $(CODE_POINTS)) > 61
                THEN fault + N'"' + LEFT(culprit $(CODE_POINTS), 60) COLLATE Latin1_General_100_BIN2 + N'…"'
            ELSE fault + N'"' + culprit + N'"'
        END
    FROM (
        SELECT
            row_no,
            fault,
            CASE LEFT(fault, CHARINDEX(N':', fault) - 1)
                WHEN N'id' THEN id
            END AS culprit
        FROM (
            SELECT
                row_no, id, category_name,
                CASE
                    WHEN id IS NULL OR DATALENGTH(id) = 0 THEN N'id: empty'
                    WHEN id LIKE N'%[^0-9.]%' OR id LIKE N'%.%.%' OR id LIKE N'.' THEN N'id: not a number: '
                    WHEN id LIKE N'%.%[1-9]%' THEN N'id: not a whole number: '
                    WHEN category_id_number IS NULL OR category_id_number NOT BETWEEN 1 AND 2147483647
                        THEN N'id: not between 1 and 2,147,483,647: '

                    WHEN category_name IS NULL OR DATALENGTH(category_name) = 0 THEN N'category_name: empty'
                    WHEN CHARINDEX(NCHAR(0), category_name) > 0 THEN N'category_name: contains a NUL character'
                    WHEN LEN((category_name + N'.') $(CODE_POINTS)) > 201
                        THEN N'category_name: longer than 200 characters'
                END COLLATE Latin1_General_100_BIN2 AS fault
            FROM [import].[categories_read]
            WHERE run_id = @run_id
        ) AS judged
        WHERE fault IS NOT NULL
    ) AS faulty;

    -- Of the good rows of one id the last counts.
    INSERT INTO #superseded (row_no)
    SELECT row_no
    FROM (
        SELECT
            incoming.row_no,
            LEAD(incoming.row_no) OVER (PARTITION BY incoming.category_id ORDER BY incoming.row_no) AS later
        FROM [import].[categories_incoming] AS incoming
        WHERE incoming.run_id = @run_id
            AND NOT EXISTS (SELECT 1 FROM #rejected AS rejected WHERE rejected.row_no = incoming.row_no)
    ) AS followed
    WHERE later IS NOT NULL;
END;
GO

CREATE PROCEDURE [import].[write_categories]
    @run_id VARCHAR(64),
    @now DATETIME2(6),
    @inserted BIGINT OUTPUT,
    @updated BIGINT OUTPUT
AS
BEGIN
    SET NOCOUNT ON;

    -- known_id is NULL for a new category.
    CREATE TABLE #pending (row_no BIGINT NOT NULL PRIMARY KEY, known_id INT NULL);
    INSERT INTO #pending (row_no, known_id)
    SELECT incoming.row_no, category.category_id
    FROM [import].[categories_incoming] AS incoming
    LEFT JOIN [dbo].[categories] AS category ON category.category_id = incoming.category_id
    WHERE incoming.run_id = @run_id
        AND NOT EXISTS (SELECT 1 FROM #rejected AS rejected WHERE rejected.row_no = incoming.row_no)
        AND NOT EXISTS (SELECT 1 FROM #superseded AS superseded WHERE superseded.row_no = incoming.row_no)
        AND (
            category.category_id IS NULL
            OR category.name <> incoming.name
            OR DATALENGTH(category.name) <> DATALENGTH(incoming.name)
        );
    SELECT @inserted = COUNT_BIG(*) - COUNT_BIG(known_id), @updated = COUNT_BIG(known_id) FROM #pending;
    IF @inserted + @updated = 0
        RETURN;

    UPDATE category
    SET
        name = incoming.name
    FROM [dbo].[categories] AS category
    JOIN #pending AS pending ON pending.known_id = category.category_id
    JOIN [import].[categories_incoming] AS incoming ON incoming.row_no = pending.row_no;

    INSERT INTO [dbo].[categories] (category_id, name, product_count)
    SELECT incoming.category_id, incoming.name, 0
    FROM [import].[categories_incoming] AS incoming
    JOIN #pending AS pending ON pending.row_no = incoming.row_no
    WHERE pending.known_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM [dbo].[categories] AS category WHERE category.category_id = incoming.category_id)
    ORDER BY pending.row_no;

    INSERT INTO [dbo].[cache_invalidations] (tag, created_at) VALUES ('categories', @now);
END;
GO

CREATE PROCEDURE [import].[keep_rejected_categories]
    @import_id CHAR(36)
AS
BEGIN
    SET NOCOUNT ON;

    INSERT INTO [import].[import_rejects] (import_id, row_no, reason, fields)
    SELECT TOP (10000)
        @import_id,
        rejected.row_no,
        rejected.reason,
        N'["' + ISNULL(STRING_ESCAPE(staged.id, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.category_name, N'json'), N'')
        + N'"]'
    FROM #rejected AS rejected
    JOIN [import].[categories_staging] AS staged ON staged.row_no = rejected.row_no
    ORDER BY rejected.row_no;
END;
GO

-- What Data Factory's Lookup calls. Returns the import's outcome as its one result set.
CREATE PROCEDURE [import].[merge_categories]
    @import_id CHAR(36),
    @run_id VARCHAR(64),
    @rows_skipped BIGINT
AS
BEGIN
    SET NOCOUNT ON;
    EXEC [import].[run_merge] 'categories', @import_id, @run_id, @rows_skipped;
END;
GO
