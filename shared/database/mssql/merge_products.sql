-- Rendered by `python -m golden` from golden/templates/mssql_merge_products.sql.j2: change that file, not this one.
--
-- The stored procedure import.merge_products and its parts in T-SQL. Their counterpart for SQLite stands in
-- local/datafactory/stores/sqlite/. How a merge goes from start to end stands in merge.sql.
--
-- Staging columns and the catalog's columns are compared code by code (Latin1_General_100_BIN2), so that a pattern like
-- [0-9] means these ten characters alone. Even so, `=` takes 'a' and 'a ' for equal, and on Babelfish so does a LIKE
-- without wildcards. DATALENGTH and LIKE '%[^…]%' tell them apart.

-- The rows as they came, and the number of each numeric text: NULL if the text is no number or has more than 30 digits.
-- Leading zeros, and what stands behind two decimals, are cut off first, so that a text of any length can be read.
CREATE VIEW [import].[products_read]
AS
SELECT
    row_no, run_id, asin, title, imgUrl, productURL, stars, reviews, price, listPrice, category_id, isBestSeller,
    boughtInLastMonth,
    CASE WHEN LEN(stars_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + stars_digits) END AS stars_number,
    CASE WHEN LEN(reviews_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + reviews_digits) END AS reviews_number,
    CASE WHEN LEN(price_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + price_digits) END AS price_number,
    CASE
        WHEN LEN(list_price_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + list_price_digits)
    END AS list_price_number,
    CASE
        WHEN LEN(category_id_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + category_id_digits)
    END AS category_id_number,
    CASE
        WHEN LEN(bought_in_last_month_digits) <= 30 THEN TRY_CONVERT(DECIMAL(38, 2), N'0' + bought_in_last_month_digits)
    END AS bought_in_last_month_number
FROM (
    SELECT
        row_no, run_id, asin, title, imgUrl, productURL, stars, reviews, price, listPrice, category_id, isBestSeller,
        boughtInLastMonth,
        SUBSTRING(stars_cut, PATINDEX(N'%[^0]%', stars_cut + N'.'), 31) AS stars_digits,
        SUBSTRING(reviews_cut, PATINDEX(N'%[^0]%', reviews_cut + N'.'), 31) AS reviews_digits,
        SUBSTRING(price_cut, PATINDEX(N'%[^0]%', price_cut + N'.'), 31) AS price_digits,
        SUBSTRING(list_price_cut, PATINDEX(N'%[^0]%', list_price_cut + N'.'), 31) AS list_price_digits,
        SUBSTRING(category_id_cut, PATINDEX(N'%[^0]%', category_id_cut + N'.'), 31) AS category_id_digits,
        SUBSTRING(bought_in_last_month_cut, PATINDEX(N'%[^0]%', bought_in_last_month_cut + N'.'), 31) AS bought_in_last_month_digits
    FROM (
        SELECT
            row_no, run_id, asin, title, imgUrl, productURL, stars, reviews, price, listPrice, category_id,
            isBestSeller, boughtInLastMonth,
            CASE
                WHEN stars NOT LIKE N'%[^0-9.]%' AND stars NOT LIKE N'%.%.%' AND stars NOT LIKE N'.'
                    THEN LEFT(stars, CHARINDEX(N'.', stars + N'.') + 2)
            END AS stars_cut,
            CASE
                WHEN reviews NOT LIKE N'%[^0-9.]%' AND reviews NOT LIKE N'%.%.%' AND reviews NOT LIKE N'.'
                    THEN LEFT(reviews, CHARINDEX(N'.', reviews + N'.') + 2)
            END AS reviews_cut,
            CASE
                WHEN price NOT LIKE N'%[^0-9.]%' AND price NOT LIKE N'%.%.%' AND price NOT LIKE N'.'
                    THEN LEFT(price, CHARINDEX(N'.', price + N'.') + 2)
            END AS price_cut,
            CASE
                WHEN listPrice NOT LIKE N'%[^0-9.]%' AND listPrice NOT LIKE N'%.%.%' AND listPrice NOT LIKE N'.'
                    THEN LEFT(listPrice, CHARINDEX(N'.', listPrice + N'.') + 2)
            END AS list_price_cut,
            CASE
                WHEN category_id NOT LIKE N'%[^0-9.]%' AND category_id NOT LIKE N'%.%.%' AND category_id NOT LIKE N'.'
                    THEN LEFT(category_id, CHARINDEX(N'.', category_id + N'.') + 2)
            END AS category_id_cut,
            CASE
                WHEN boughtInLastMonth NOT LIKE N'%[^0-9.]%' AND boughtInLastMonth NOT LIKE N'%.%.%' AND boughtInLastMonth NOT LIKE N'.'
                    THEN LEFT(boughtInLastMonth, CHARINDEX(N'.', boughtInLastMonth + N'.') + 2)
            END AS bought_in_last_month_cut
        FROM [import].[products_staging]
    ) AS cut
) AS staged;
GO

-- Good rows, typed as in the catalog: 0 stands for "missing" in money and stars. The server may evaluate a row here
-- before it leaves out the rejected ones, so nothing may fail on a bad row. Nothing is converted that can't be: on
-- Babelfish a TRY_CONVERT that returns NULL leaves a transaction open (error 266).
CREATE VIEW [import].[products_incoming]
AS
SELECT
    row_no,
    run_id,
    CONVERT(CHAR(10), asin) AS asin,
    CONVERT(NVARCHAR(2000), title) AS title,
    NULLIF(CONVERT(NVARCHAR(4000), imgUrl), N'') AS image_url,
    NULLIF(CONVERT(NVARCHAR(4000), productURL), N'') AS product_url,
    CASE WHEN stars_number > 0 AND stars_number <= 5 THEN TRY_CONVERT(DECIMAL(3, 2), stars_number) END AS stars,
    CASE WHEN reviews_number <= 2147483647 THEN TRY_CONVERT(INT, reviews_number) END AS reviews,
    CASE
        WHEN price_number > 0 AND price_number <= 99999999.99 THEN TRY_CONVERT(DECIMAL(10, 2), price_number)
    END AS price,
    CASE
        WHEN list_price_number > 0 AND list_price_number <= 99999999.99
            THEN TRY_CONVERT(DECIMAL(10, 2), list_price_number)
    END AS list_price,
    CASE WHEN category_id_number <= 2147483647 THEN TRY_CONVERT(INT, category_id_number) END AS category_id,
    CONVERT(BIT, CASE WHEN LOWER(isBestSeller) LIKE N'true' THEN 1 WHEN DATALENGTH(isBestSeller) > 0 THEN 0 END) AS is_best_seller,
    CASE
        WHEN bought_in_last_month_number <= 2147483647 THEN TRY_CONVERT(INT, bought_in_last_month_number)
    END AS bought_in_last_month
FROM [import].[products_read];
GO

-- Fills #rejected and #superseded. A fault that ends with ": " is followed by the value in quotes, cut at 60 characters.
CREATE PROCEDURE [import].[judge_products]
    @run_id VARCHAR(64),
    @csv_columns VARCHAR(400)
AS
BEGIN
    SET NOCOUNT ON;

    -- Whether the file has the column. @csv_columns is NULL for a file with all columns.
    DECLARE @has_reviews BIT;
    DECLARE @has_is_best_seller BIT;
    DECLARE @has_bought_in_last_month BIT;
    SELECT
        @has_reviews = CASE CHARINDEX(',reviews,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END,
        @has_is_best_seller = CASE CHARINDEX(',isBestSeller,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END,
        @has_bought_in_last_month = CASE CHARINDEX(',boughtInLastMonth,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END;

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
                WHEN N'asin' THEN asin
                WHEN N'imgUrl' THEN imgUrl
                WHEN N'productURL' THEN productURL
                WHEN N'stars' THEN stars
                WHEN N'reviews' THEN reviews
                WHEN N'price' THEN price
                WHEN N'listPrice' THEN listPrice
                WHEN N'category_id' THEN category_id
                WHEN N'isBestSeller' THEN isBestSeller
                WHEN N'boughtInLastMonth' THEN boughtInLastMonth
            END AS culprit
        FROM (
            SELECT
                row_no, asin, title, imgUrl, productURL, stars, reviews, price, listPrice, category_id, isBestSeller,
                boughtInLastMonth,
                CASE
                    WHEN asin IS NULL OR DATALENGTH(asin) = 0 THEN N'asin: empty'
                    WHEN asin NOT LIKE N'[0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z][0-9A-Z]'
                        OR asin LIKE N'%[^0-9A-Z]%'
                        THEN N'asin: not 10 characters of A-Z and 0-9: '

                    WHEN title IS NULL OR DATALENGTH(title) = 0 THEN N'title: empty'
                    WHEN CHARINDEX(NCHAR(0), title) > 0 THEN N'title: contains a NUL character'
                    WHEN LEN((title + N'.') $(CODE_POINTS)) > 1001 THEN N'title: longer than 1,000 characters'

                    WHEN CHARINDEX(NCHAR(0), imgUrl) > 0 THEN N'imgUrl: contains a NUL character'
                    WHEN LEN((imgUrl + N'.') $(CODE_POINTS)) > 2001 THEN N'imgUrl: longer than 2,000 characters'
                    WHEN LOWER(LEFT(imgUrl, 9)) NOT LIKE N'https://_%' AND LOWER(LEFT(imgUrl, 9)) NOT LIKE N'http://_%'
                        AND DATALENGTH(imgUrl) > 0
                        THEN N'imgUrl: not an http or https URL: '

                    WHEN CHARINDEX(NCHAR(0), productURL) > 0 THEN N'productURL: contains a NUL character'
                    WHEN LEN((productURL + N'.') $(CODE_POINTS)) > 2001 THEN N'productURL: longer than 2,000 characters'
                    WHEN LOWER(LEFT(productURL, 9)) NOT LIKE N'https://_%' AND LOWER(LEFT(productURL, 9)) NOT LIKE N'http://_%'
                        AND DATALENGTH(productURL) > 0
                        THEN N'productURL: not an http or https URL: '

                    WHEN stars LIKE N'%[^0-9.]%' OR stars LIKE N'%.%.%' OR stars LIKE N'.' THEN N'stars: not a number: '
                    WHEN stars LIKE N'%.[0-9][0-9]%[1-9]%' THEN N'stars: more than two decimals: '
                    WHEN DATALENGTH(stars) > 0 AND (stars_number IS NULL OR stars_number > 5)
                        THEN N'stars: not between 0 and 5: '

                    WHEN (reviews IS NULL OR DATALENGTH(reviews) = 0) AND @has_reviews = 1 THEN N'reviews: empty'
                    WHEN reviews LIKE N'%[^0-9.]%' OR reviews LIKE N'%.%.%' OR reviews LIKE N'.'
                        THEN N'reviews: not a number: '
                    WHEN reviews LIKE N'%.%[1-9]%' THEN N'reviews: not a whole number: '
                    WHEN DATALENGTH(reviews) > 0 AND (reviews_number IS NULL OR reviews_number > 2147483647)
                        THEN N'reviews: not between 0 and 2,147,483,647: '

                    WHEN price LIKE N'%[^0-9.]%' OR price LIKE N'%.%.%' OR price LIKE N'.' THEN N'price: not a number: '
                    WHEN price LIKE N'%.[0-9][0-9]%[1-9]%' THEN N'price: more than two decimals: '
                    WHEN DATALENGTH(price) > 0 AND (price_number IS NULL OR price_number > 99999999.99)
                        THEN N'price: not between 0 and 99,999,999.99: '

                    WHEN listPrice LIKE N'%[^0-9.]%' OR listPrice LIKE N'%.%.%' OR listPrice LIKE N'.'
                        THEN N'listPrice: not a number: '
                    WHEN listPrice LIKE N'%.[0-9][0-9]%[1-9]%' THEN N'listPrice: more than two decimals: '
                    WHEN DATALENGTH(listPrice) > 0 AND (list_price_number IS NULL OR list_price_number > 99999999.99)
                        THEN N'listPrice: not between 0 and 99,999,999.99: '

                    WHEN category_id IS NULL OR DATALENGTH(category_id) = 0 THEN N'category_id: empty'
                    WHEN category_id LIKE N'%[^0-9.]%' OR category_id LIKE N'%.%.%' OR category_id LIKE N'.'
                        THEN N'category_id: not a number: '
                    WHEN category_id LIKE N'%.%[1-9]%' THEN N'category_id: not a whole number: '
                    WHEN category_id_number IS NULL OR category_id_number NOT BETWEEN 1 AND 2147483647
                        THEN N'category_id: not between 1 and 2,147,483,647: '

                    WHEN (isBestSeller IS NULL OR DATALENGTH(isBestSeller) = 0) AND @has_is_best_seller = 1
                        THEN N'isBestSeller: empty'
                    WHEN isBestSeller LIKE N'%[^A-Za-z]%'
                        OR (LOWER(isBestSeller) NOT LIKE N'true' AND LOWER(isBestSeller) NOT LIKE N'false')
                        THEN N'isBestSeller: neither True nor False: '

                    WHEN (boughtInLastMonth IS NULL OR DATALENGTH(boughtInLastMonth) = 0) AND @has_bought_in_last_month = 1
                        THEN N'boughtInLastMonth: empty'
                    WHEN boughtInLastMonth LIKE N'%[^0-9.]%' OR boughtInLastMonth LIKE N'%.%.%' OR boughtInLastMonth LIKE N'.'
                        THEN N'boughtInLastMonth: not a number: '
                    WHEN boughtInLastMonth LIKE N'%.%[1-9]%' THEN N'boughtInLastMonth: not a whole number: '
                    WHEN DATALENGTH(boughtInLastMonth) > 0 AND (bought_in_last_month_number IS NULL OR bought_in_last_month_number > 2147483647)
                        THEN N'boughtInLastMonth: not between 0 and 2,147,483,647: '
                END COLLATE Latin1_General_100_BIN2 AS fault
            FROM [import].[products_read]
            WHERE run_id = @run_id
        ) AS judged
        WHERE fault IS NOT NULL
    ) AS faulty;

    -- Of the good rows of one asin the last counts.
    INSERT INTO #superseded (row_no)
    SELECT row_no
    FROM (
        SELECT
            incoming.row_no,
            LEAD(incoming.row_no) OVER (PARTITION BY incoming.asin ORDER BY incoming.row_no) AS later
        FROM [import].[products_incoming] AS incoming
        WHERE incoming.run_id = @run_id
            AND NOT EXISTS (SELECT 1 FROM #rejected AS rejected WHERE rejected.row_no = incoming.row_no)
    ) AS followed
    WHERE later IS NOT NULL;
END;
GO

-- Writes the good rows that differ into the catalog, in the caller's transaction. Returns how many products are new and
-- how many changed, and writes the cache tags made stale to the outbox. A field whose column the file lacks keeps its
-- value; in a new product it gets its default.
CREATE PROCEDURE [import].[write_products]
    @run_id VARCHAR(64),
    @csv_columns VARCHAR(400),
    @now DATETIME2(6),
    @inserted BIGINT OUTPUT,
    @updated BIGINT OUTPUT
AS
BEGIN
    SET NOCOUNT ON;

    DECLARE @recounted INT;

    -- Whether the file has the column. @csv_columns is NULL for a file with all columns.
    DECLARE @has_image_url BIT;
    DECLARE @has_product_url BIT;
    DECLARE @has_stars BIT;
    DECLARE @has_price BIT;
    DECLARE @has_list_price BIT;
    SELECT
        @has_image_url = CASE CHARINDEX(',imgUrl,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END,
        @has_product_url = CASE CHARINDEX(',productURL,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END,
        @has_stars = CASE CHARINDEX(',stars,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END,
        @has_price = CASE CHARINDEX(',price,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END,
        @has_list_price = CASE CHARINDEX(',listPrice,', ',' + @csv_columns + ',') WHEN 0 THEN 0 ELSE 1 END;

    -- product_id is NULL for a new product.
    CREATE TABLE #pending (
        row_no BIGINT NOT NULL PRIMARY KEY,
        asin CHAR(10) COLLATE Latin1_General_100_BIN2 NOT NULL,
        category_id INT NOT NULL,
        product_id BIGINT NULL,
        category_before INT NULL
    );
    INSERT INTO #pending (row_no, asin, category_id, product_id, category_before)
    SELECT incoming.row_no, incoming.asin, incoming.category_id, product.product_id, product.category_id
    FROM [import].[products_incoming] AS incoming
    LEFT JOIN [dbo].[products] AS product ON product.asin = incoming.asin
    WHERE incoming.run_id = @run_id
        AND NOT EXISTS (SELECT 1 FROM #rejected AS rejected WHERE rejected.row_no = incoming.row_no)
        AND NOT EXISTS (SELECT 1 FROM #superseded AS superseded WHERE superseded.row_no = incoming.row_no)
        AND (
            product.product_id IS NULL
            OR product.title <> incoming.title
            OR DATALENGTH(product.title) <> DATALENGTH(incoming.title)
            OR (ISNULL(product.image_url, N'') <> ISNULL(incoming.image_url, N'') AND @has_image_url = 1)
            OR (ISNULL(DATALENGTH(product.image_url), 0) <> ISNULL(DATALENGTH(incoming.image_url), 0) AND @has_image_url = 1)
            OR (ISNULL(product.product_url, N'') <> ISNULL(incoming.product_url, N'') AND @has_product_url = 1)
            OR (ISNULL(DATALENGTH(product.product_url), 0) <> ISNULL(DATALENGTH(incoming.product_url), 0) AND @has_product_url = 1)
            OR (ISNULL(product.stars, -1) <> ISNULL(incoming.stars, -1) AND @has_stars = 1)
            OR product.reviews <> incoming.reviews
            OR (ISNULL(product.price, -1) <> ISNULL(incoming.price, -1) AND @has_price = 1)
            OR (ISNULL(product.list_price, -1) <> ISNULL(incoming.list_price, -1) AND @has_list_price = 1)
            OR product.category_id <> incoming.category_id
            OR product.is_best_seller <> incoming.is_best_seller
            OR product.bought_in_last_month <> incoming.bought_in_last_month
        );
    SELECT @inserted = COUNT_BIG(*) - COUNT_BIG(product_id), @updated = COUNT_BIG(product_id) FROM #pending;
    IF @inserted + @updated = 0
        RETURN;

    CREATE TABLE #touched (category_id INT NOT NULL PRIMARY KEY);
    INSERT INTO #touched (category_id)
    SELECT category_id FROM #pending
    UNION
    SELECT category_before FROM #pending WHERE category_before IS NOT NULL;

    INSERT INTO [dbo].[categories] (category_id, name, product_count)
    SELECT touched.category_id, N'Category ' + CONVERT(NVARCHAR(11), touched.category_id), 0
    FROM #touched AS touched
    WHERE NOT EXISTS (SELECT 1 FROM [dbo].[categories] AS category WHERE category.category_id = touched.category_id);

    UPDATE product
    SET
        title = incoming.title,
        image_url = CASE WHEN @has_image_url = 1 THEN incoming.image_url ELSE product.image_url END,
        product_url = CASE WHEN @has_product_url = 1 THEN incoming.product_url ELSE product.product_url END,
        stars = CASE WHEN @has_stars = 1 THEN incoming.stars ELSE product.stars END,
        reviews = ISNULL(incoming.reviews, product.reviews),
        price = CASE WHEN @has_price = 1 THEN incoming.price ELSE product.price END,
        list_price = CASE WHEN @has_list_price = 1 THEN incoming.list_price ELSE product.list_price END,
        category_id = incoming.category_id,
        is_best_seller = ISNULL(incoming.is_best_seller, product.is_best_seller),
        bought_in_last_month = ISNULL(incoming.bought_in_last_month, product.bought_in_last_month),
        updated_at = @now
    FROM [dbo].[products] AS product
    JOIN #pending AS pending ON pending.product_id = product.product_id
    JOIN [import].[products_incoming] AS incoming ON incoming.row_no = pending.row_no;

    INSERT INTO [dbo].[products] (
        asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,
        bought_in_last_month, created_at, updated_at
    )
    SELECT
        incoming.asin, incoming.title, incoming.image_url, incoming.product_url, incoming.stars,
        ISNULL(incoming.reviews, 0), incoming.price, incoming.list_price, incoming.category_id,
        ISNULL(incoming.is_best_seller, CONVERT(BIT, 0)), ISNULL(incoming.bought_in_last_month, 0), @now, @now
    FROM [import].[products_incoming] AS incoming
    JOIN #pending AS pending ON pending.row_no = incoming.row_no
    WHERE pending.product_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM [dbo].[products] AS product WHERE product.asin = incoming.asin)
    ORDER BY pending.row_no;

    UPDATE category
    SET product_count = counted.products
    FROM [dbo].[categories] AS category
    JOIN (
        SELECT touched.category_id, COUNT(product.product_id) AS products
        FROM #touched AS touched
        LEFT JOIN [dbo].[products] AS product ON product.category_id = touched.category_id
        GROUP BY touched.category_id
    ) AS counted ON counted.category_id = category.category_id
    WHERE category.product_count <> counted.products;
    SET @recounted = @@ROWCOUNT;

    -- The tags of shared/catalog/tags.py. A product's bucket is the first two bytes of its asin's SHA-256.
    INSERT INTO [dbo].[cache_invalidations] (tag, created_at)
    SELECT tag, @now
    FROM (
        SELECT 'catalog' AS tag
        UNION
        SELECT 'categories' WHERE @recounted > 0
        UNION
        SELECT 'category:' + CONVERT(VARCHAR(11), category_id) FROM #touched
        UNION
        SELECT 'product:' + CONVERT(VARCHAR(4), CONVERT(INT, SUBSTRING(HASHBYTES('SHA2_256', asin), 1, 2)) % 1024)
        FROM #pending
    ) AS stale;
END;
GO

-- Keeps the first 10,000 rejected rows; all of them are counted. Their fields are a JSON list in the order of the
-- declared columns. (STRING_ESCAPE of an empty text is NULL on Babelfish.)
CREATE PROCEDURE [import].[keep_rejected_products]
    @import_id CHAR(36)
AS
BEGIN
    SET NOCOUNT ON;

    INSERT INTO [import].[import_rejects] (import_id, row_no, reason, fields)
    SELECT TOP (10000)
        @import_id,
        rejected.row_no,
        rejected.reason,
        N'["' + ISNULL(STRING_ESCAPE(staged.asin, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.title, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.imgUrl, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.productURL, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.stars, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.reviews, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.price, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.listPrice, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.category_id, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.isBestSeller, N'json'), N'')
        + N'","' + ISNULL(STRING_ESCAPE(staged.boughtInLastMonth, N'json'), N'')
        + N'"]'
    FROM #rejected AS rejected
    JOIN [import].[products_staging] AS staged ON staged.row_no = rejected.row_no
    ORDER BY rejected.row_no;
END;
GO

-- What Data Factory's Lookup calls. Returns the import's outcome as its one result set.
CREATE PROCEDURE [import].[merge_products]
    @import_id CHAR(36),
    @run_id VARCHAR(64),
    @rows_skipped BIGINT
AS
BEGIN
    SET NOCOUNT ON;
    EXEC [import].[run_merge] 'products', @import_id, @run_id, @rows_skipped;
END;
GO
