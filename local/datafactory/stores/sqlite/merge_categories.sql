-- Rendered by `python -m golden` from golden/templates/sqlite_merge_categories.sql.j2: change that file, not this one.
--
-- The stored procedure import.merge_categories for SQLite. Its counterpart in T-SQL stands in shared/database/mssql/.
-- merge_products.sql says how the sections run.

-- section: 1 judge
SELECT row_no, reason
FROM (
    SELECT
        row_no,
        CASE
            WHEN id IS NULL OR id = '' THEN 'id: empty'
            WHEN rtrim(id, '0123456789.') <> '' OR id GLOB '*.*.*' OR id = '.' THEN 'id: not a number: ' || quoted(id)
            WHEN id GLOB '*.*[1-9]*' THEN 'id: not a whole number: ' || quoted(id)
            WHEN CAST(id AS REAL) NOT BETWEEN 1 AND 2147483647
                THEN 'id: not between 1 and 2,147,483,647: ' || quoted(id)

            WHEN category_name IS NULL OR category_name = '' THEN 'category_name: empty'
            WHEN instr(category_name, char(0)) THEN 'category_name: contains a NUL character'
            WHEN length(category_name) > 200 THEN 'category_name: longer than 200 characters'
        END AS reason
    FROM [import].categories_staging
    WHERE row_no BETWEEN :first AND :last
)
WHERE reason IS NOT NULL;

-- section: 2 repeated
-- `01` and `1.0` are the id 1. A text that is no number is 0 here; its row is rejected.
SELECT CAST(id AS INTEGER) FROM [import].categories_staging GROUP BY CAST(id AS INTEGER) HAVING count(*) > 1;

-- section: 3 supersede
-- Of the good rows of one id the last counts.
INSERT INTO temp.superseded (row_no)
SELECT row_no
FROM (
    SELECT row_no, lead(row_no) OVER (PARTITION BY CAST(id AS INTEGER) ORDER BY row_no) AS later
    FROM [import].categories_staging
    WHERE CAST(id AS INTEGER) IN (SELECT key FROM temp.repeated)
        AND row_no NOT IN (SELECT row_no FROM temp.rejected)
)
WHERE later IS NOT NULL;

-- section: 4 incoming
DROP VIEW IF EXISTS temp.incoming;
CREATE TEMP VIEW incoming AS
SELECT
    row_no,
    CAST(id AS INTEGER) AS category_id,
    category_name AS name
FROM [import].categories_staging
WHERE row_no NOT IN (SELECT row_no FROM temp.rejected)
    AND row_no NOT IN (SELECT row_no FROM temp.superseded);

-- section: 5 pending
-- The rows that differ from the catalog. known_id is null for a new category.
DROP TABLE IF EXISTS temp.pending;
CREATE TABLE temp.pending (row_no INTEGER PRIMARY KEY, known_id INTEGER);

-- section: 6 compare
-- Returns the rows of `pending`.
SELECT incoming.row_no, categories.category_id
FROM incoming
LEFT JOIN categories ON categories.category_id = incoming.category_id
WHERE incoming.row_no BETWEEN :first AND :last
    AND (
        categories.category_id IS NULL
        OR categories.name <> incoming.name
    );

-- section: 7 update
UPDATE categories
SET
    name = incoming.name
FROM temp.pending
JOIN incoming ON incoming.row_no = pending.row_no
WHERE categories.category_id = pending.known_id;

-- section: 8 insert
INSERT INTO categories (category_id, name, product_count)
SELECT incoming.category_id, incoming.name, 0
FROM temp.pending
JOIN incoming ON incoming.row_no = pending.row_no
WHERE pending.known_id IS NULL
ORDER BY pending.row_no;
