-- Rendered by `python -m golden` from golden/templates/sqlite_merge_products.sql.j2: change that file, not this one.
--
-- The stored procedure import.merge_products for SQLite. Its counterpart in T-SQL stands in shared/database/mssql/.
--
-- The local Data Factory runs these sections in order on the catalog (`main`), with the run's staging file attached as
-- [import]. Sections 1 to 4 run before the catalog is locked. Their results stand in the temporary tables
-- rejected (row_no, reason), repeated (key) and superseded (row_no). The other sections run in one transaction, begun
-- IMMEDIATE. What SQL can't say (whether the import is already merged, cancelling, the share of rejects, the tags made
-- stale) stands in local/datafactory/stores/sqlite/merge.py.
--
-- Parameters: :now (microseconds since 1970), :last_product_id (before the insert), :first and :last (row_no),
-- :has_COLUMN (whether the file has the column; a field without its column keeps its value).
-- quoted(text) returns the text in quotes, cut at 60 characters.

-- section: 1 judge
-- Returns one row for each rejected row, with the first fault in the order of the file's fields. Runs for two ranges of
-- rows at once, each on a connection of its own.
-- Patterns: '*.*.*' is a second point, '*.*[1-9]*' a digit other than 0 behind the point. rtrim, = and the length of a
-- BLOB look past a NUL; GLOB, LIKE and length don't.
SELECT row_no, reason
FROM (
    SELECT
        row_no,
        CASE
            WHEN asin IS NULL OR asin = '' THEN 'asin: empty'
            WHEN length(asin) <> 10 OR length(CAST(asin AS BLOB)) <> 10 OR asin GLOB '*[^0-9A-Z]*'
                THEN 'asin: not 10 characters of A-Z and 0-9: ' || quoted(asin)

            WHEN title IS NULL OR title = '' THEN 'title: empty'
            WHEN instr(title, char(0)) THEN 'title: contains a NUL character'
            WHEN length(title) > 1000 THEN 'title: longer than 1,000 characters'

            WHEN instr(imgUrl, char(0)) THEN 'imgUrl: contains a NUL character'
            WHEN length(imgUrl) > 2000 THEN 'imgUrl: longer than 2,000 characters'
            WHEN imgUrl NOT LIKE 'https://_%' AND imgUrl NOT LIKE 'http://_%' AND imgUrl <> ''
                THEN 'imgUrl: not an http or https URL: ' || quoted(imgUrl)

            WHEN instr(productURL, char(0)) THEN 'productURL: contains a NUL character'
            WHEN length(productURL) > 2000 THEN 'productURL: longer than 2,000 characters'
            WHEN productURL NOT LIKE 'https://_%' AND productURL NOT LIKE 'http://_%' AND productURL <> ''
                THEN 'productURL: not an http or https URL: ' || quoted(productURL)

            WHEN rtrim(stars, '0123456789.') <> '' OR stars GLOB '*.*.*' OR stars = '.'
                THEN 'stars: not a number: ' || quoted(stars)
            WHEN stars GLOB '*.[0-9][0-9]*[1-9]*' THEN 'stars: more than two decimals: ' || quoted(stars)
            WHEN CAST(stars AS REAL) > 5 THEN 'stars: not between 0 and 5: ' || quoted(stars)

            WHEN (reviews IS NULL OR reviews = '') AND :has_reviews THEN 'reviews: empty'
            WHEN rtrim(reviews, '0123456789.') <> '' OR reviews GLOB '*.*.*' OR reviews = '.'
                THEN 'reviews: not a number: ' || quoted(reviews)
            WHEN reviews GLOB '*.*[1-9]*' THEN 'reviews: not a whole number: ' || quoted(reviews)
            WHEN CAST(reviews AS REAL) > 2147483647 THEN 'reviews: not between 0 and 2,147,483,647: ' || quoted(reviews)

            WHEN rtrim(price, '0123456789.') <> '' OR price GLOB '*.*.*' OR price = '.'
                THEN 'price: not a number: ' || quoted(price)
            WHEN price GLOB '*.[0-9][0-9]*[1-9]*' THEN 'price: more than two decimals: ' || quoted(price)
            WHEN CAST(price AS REAL) > 99999999.99 THEN 'price: not between 0 and 99,999,999.99: ' || quoted(price)

            WHEN rtrim(listPrice, '0123456789.') <> '' OR listPrice GLOB '*.*.*' OR listPrice = '.'
                THEN 'listPrice: not a number: ' || quoted(listPrice)
            WHEN listPrice GLOB '*.[0-9][0-9]*[1-9]*' THEN 'listPrice: more than two decimals: ' || quoted(listPrice)
            WHEN CAST(listPrice AS REAL) > 99999999.99
                THEN 'listPrice: not between 0 and 99,999,999.99: ' || quoted(listPrice)

            WHEN category_id IS NULL OR category_id = '' THEN 'category_id: empty'
            WHEN rtrim(category_id, '0123456789.') <> '' OR category_id GLOB '*.*.*' OR category_id = '.'
                THEN 'category_id: not a number: ' || quoted(category_id)
            WHEN category_id GLOB '*.*[1-9]*' THEN 'category_id: not a whole number: ' || quoted(category_id)
            WHEN CAST(category_id AS REAL) NOT BETWEEN 1 AND 2147483647
                THEN 'category_id: not between 1 and 2,147,483,647: ' || quoted(category_id)

            WHEN (isBestSeller IS NULL OR isBestSeller = '') AND :has_is_best_seller THEN 'isBestSeller: empty'
            WHEN isBestSeller COLLATE NOCASE NOT IN ('true', 'false')
                THEN 'isBestSeller: neither True nor False: ' || quoted(isBestSeller)

            WHEN (boughtInLastMonth IS NULL OR boughtInLastMonth = '') AND :has_bought_in_last_month
                THEN 'boughtInLastMonth: empty'
            WHEN rtrim(boughtInLastMonth, '0123456789.') <> '' OR boughtInLastMonth GLOB '*.*.*' OR boughtInLastMonth = '.'
                THEN 'boughtInLastMonth: not a number: ' || quoted(boughtInLastMonth)
            WHEN boughtInLastMonth GLOB '*.*[1-9]*'
                THEN 'boughtInLastMonth: not a whole number: ' || quoted(boughtInLastMonth)
            WHEN CAST(boughtInLastMonth AS REAL) > 2147483647
                THEN 'boughtInLastMonth: not between 0 and 2,147,483,647: ' || quoted(boughtInLastMonth)
        END AS reason
    FROM [import].products_staging
    WHERE row_no BETWEEN :first AND :last
)
WHERE reason IS NOT NULL;

-- section: 2 repeated
-- The keys that more than one row has. Runs at the same time as section 1.
SELECT asin FROM [import].products_staging WHERE asin <> '' GROUP BY asin HAVING count(*) > 1;

-- section: 3 supersede
-- Of the good rows of one asin the last counts.
INSERT INTO temp.superseded (row_no)
SELECT row_no
FROM (
    SELECT row_no, lead(row_no) OVER (PARTITION BY asin ORDER BY row_no) AS later
    FROM [import].products_staging
    WHERE asin IN (SELECT key FROM temp.repeated)
        AND row_no NOT IN (SELECT row_no FROM temp.rejected)
)
WHERE later IS NOT NULL;

-- section: 4 incoming
-- The good rows, typed as in the catalog: money and stars are whole hundredths, and 0 there means "missing".
DROP VIEW IF EXISTS temp.incoming;
CREATE TEMP VIEW incoming AS
SELECT
    row_no,
    asin,
    title,
    nullif(imgUrl, '') AS image_url,
    nullif(productURL, '') AS product_url,
    nullif(CAST(round(stars * 100) AS INTEGER), 0) AS stars,
    CAST(reviews AS INTEGER) AS reviews,
    nullif(CAST(round(price * 100) AS INTEGER), 0) AS price,
    nullif(CAST(round(listPrice * 100) AS INTEGER), 0) AS list_price,
    CAST(category_id AS INTEGER) AS category_id,
    isBestSeller = 'true' COLLATE NOCASE AS is_best_seller,
    CAST(boughtInLastMonth AS INTEGER) AS bought_in_last_month
FROM [import].products_staging
WHERE row_no NOT IN (SELECT row_no FROM temp.rejected)
    AND row_no NOT IN (SELECT row_no FROM temp.superseded);

-- section: 5 pending
-- The rows that differ from the catalog. known_id is null for a new product.
DROP TABLE IF EXISTS temp.pending;
CREATE TABLE temp.pending (row_no INTEGER PRIMARY KEY, known_id INTEGER, category_before INTEGER);

-- section: 6 compare
-- Returns the rows of `pending`. With many products it runs for two ranges of rows at once, each on a connection of its
-- own: the lock is held and nothing is written yet, so all connections see the same catalog.
SELECT incoming.row_no, products.product_id, products.category_id
FROM incoming
LEFT JOIN products ON products.asin = incoming.asin
WHERE incoming.row_no BETWEEN :first AND :last
    AND (
        products.product_id IS NULL
        OR products.title <> incoming.title
        OR (products.image_url IS NOT incoming.image_url AND :has_image_url)
        OR (products.product_url IS NOT incoming.product_url AND :has_product_url)
        OR (products.stars IS NOT incoming.stars AND :has_stars)
        OR products.reviews <> incoming.reviews
        OR (products.price IS NOT incoming.price AND :has_price)
        OR (products.list_price IS NOT incoming.list_price AND :has_list_price)
        OR products.category_id <> incoming.category_id
        OR products.is_best_seller <> incoming.is_best_seller
        OR products.bought_in_last_month <> incoming.bought_in_last_month
    );

-- section: 7 update
-- CROSS JOIN goes from the few rows that differ to the many of the file. SQLite's planner doesn't choose this order.
DROP TABLE IF EXISTS temp.touched;
CREATE TABLE temp.touched (category_id INTEGER PRIMARY KEY);
INSERT OR IGNORE INTO temp.touched (category_id)
SELECT CAST(staging.category_id AS INTEGER)
FROM temp.pending
CROSS JOIN [import].products_staging AS staging ON staging.row_no = pending.row_no;

-- In a statement of its own: a UNION keeps its results in memory.
INSERT OR IGNORE INTO temp.touched (category_id)
SELECT category_before FROM temp.pending WHERE category_before IS NOT NULL;

INSERT INTO categories (category_id, name, product_count)
SELECT category_id, 'Category ' || category_id, 0
FROM temp.touched
WHERE category_id NOT IN (SELECT category_id FROM categories);

-- First the columns without an index, then each indexed column where it differs: an UPDATE rewrites the index entries
-- of all columns that it names, changed or not.
UPDATE products
SET
    image_url = iif(:has_image_url, incoming.image_url, products.image_url),
    product_url = iif(:has_product_url, incoming.product_url, products.product_url),
    list_price = iif(:has_list_price, incoming.list_price, products.list_price),
    is_best_seller = coalesce(incoming.is_best_seller, products.is_best_seller),
    updated_at = :now
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id;

UPDATE products
SET title = incoming.title
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id AND products.title <> incoming.title;

UPDATE products
SET stars = incoming.stars
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id AND products.stars IS NOT incoming.stars AND :has_stars;

UPDATE products
SET reviews = incoming.reviews
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id AND products.reviews <> incoming.reviews;

UPDATE products
SET price = incoming.price
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id AND products.price IS NOT incoming.price AND :has_price;

UPDATE products
SET category_id = incoming.category_id
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id AND products.category_id <> incoming.category_id;

UPDATE products
SET bought_in_last_month = incoming.bought_in_last_month
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.known_id AND products.bought_in_last_month <> incoming.bought_in_last_month;

-- section: 8 insert
-- New products are numbered by their rows, so that the text index can be built at the same time.
INSERT INTO products (
    product_id, asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,
    bought_in_last_month, created_at, updated_at
)
SELECT
    :last_product_id + incoming.row_no, incoming.asin, incoming.title, incoming.image_url, incoming.product_url,
    incoming.stars, coalesce(incoming.reviews, 0), incoming.price, incoming.list_price, incoming.category_id,
    coalesce(incoming.is_best_seller, 0), coalesce(incoming.bought_in_last_month, 0), :now, :now
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE pending.known_id IS NULL
ORDER BY pending.row_no;

-- section: 9 words
-- Runs only if the insert ran without the triggers that index the words of titles.
INSERT INTO products_title_words (rowid, title)
SELECT product_id, title FROM products WHERE product_id > :last_product_id;

-- section: 10 count
UPDATE categories
SET product_count = counted.products
FROM (
    SELECT
        touched.category_id,
        (SELECT count(*) FROM products WHERE products.category_id = touched.category_id) AS products
    FROM temp.touched
) AS counted
WHERE categories.category_id = counted.category_id AND categories.product_count <> counted.products;
