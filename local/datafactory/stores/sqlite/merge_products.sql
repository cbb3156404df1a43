-- The stored procedure import.merge_products for SQLite (its twin in T-SQL: shared/database/mssql/).
--
-- The local Data Factory runs the sections below in this order on the catalog (`main`), with the run's staging file
-- attached as [import]. Sections 1 to 4 come before the lock; what they find is in the temporary tables
-- rejected (row_no, reason), repeated (key) and superseded (row_no). The others are one transaction on the catalog,
-- begun IMMEDIATE. What SQL can't say (an import that is merged already, cancelling, the share of rejects,
-- the tags made stale) stands in local/datafactory/stores/sqlite/merge.py.
--
-- Parameters: :now (microseconds since 1970), :last_product_id (before the insert), :first and :last (row_no).
-- quoted(text) gives the text in quotes, cut at 60 characters.
--
-- Every reason for which a row is rejected, FIELD being its name in the file:
--     FIELD: empty                                           asin, title, reviews, category_id, isBestSeller, boughtInLastMonth
--     FIELD: contains a NUL character                        title, imgUrl, productURL
--     asin: not 10 characters of A-Z and 0-9: "…"
--     title: longer than 1,000 characters
--     FIELD: longer than 2,000 characters                    imgUrl, productURL
--     FIELD: not an http or https URL: "…"                   imgUrl, productURL
--     FIELD: not a number: "…"                               stars, reviews, price, listPrice, category_id, boughtInLastMonth
--     FIELD: more than two decimals: "…"                     stars, price, listPrice
--     FIELD: not a whole number: "…"                         reviews, category_id, boughtInLastMonth
--     stars: not between 0 and 5: "…"
--     FIELD: not between 0 and 99,999,999.99: "…"            price, listPrice
--     FIELD: not between 0 and 2,147,483,647: "…"            reviews, boughtInLastMonth
--     category_id: not between 1 and 2,147,483,647: "…"
--     isBestSeller: neither True nor False: "…"
-- A row with several faults has the first one's reason, in the order of the file's fields.

-- section: 1 judge
-- One row per rejected row; run for two ranges of rows at once, each on a connection of its own.
-- The patterns: a character that is neither digit nor point; a second point; no digit; a digit other than 0 behind two
-- decimals, or behind the point. rtrim, = and length of a BLOB look behind a NUL, GLOB, LIKE and length don't.
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
            WHEN CAST(stars AS REAL) > 5
                THEN 'stars: not between 0 and 5: ' || quoted(stars)

            WHEN reviews IS NULL OR reviews = '' THEN 'reviews: empty'
            WHEN rtrim(reviews, '0123456789.') <> '' OR reviews GLOB '*.*.*' OR reviews = '.'
                THEN 'reviews: not a number: ' || quoted(reviews)
            WHEN reviews GLOB '*.*[1-9]*' THEN 'reviews: not a whole number: ' || quoted(reviews)
            WHEN CAST(reviews AS REAL) > 2147483647
                THEN 'reviews: not between 0 and 2,147,483,647: ' || quoted(reviews)

            WHEN rtrim(price, '0123456789.') <> '' OR price GLOB '*.*.*' OR price = '.'
                THEN 'price: not a number: ' || quoted(price)
            WHEN price GLOB '*.[0-9][0-9]*[1-9]*' THEN 'price: more than two decimals: ' || quoted(price)
            WHEN CAST(price AS REAL) > 99999999.99
                THEN 'price: not between 0 and 99,999,999.99: ' || quoted(price)

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

            WHEN isBestSeller IS NULL OR isBestSeller = '' THEN 'isBestSeller: empty'
            WHEN isBestSeller COLLATE NOCASE NOT IN ('true', 'false')
                THEN 'isBestSeller: neither True nor False: ' || quoted(isBestSeller)

            WHEN boughtInLastMonth IS NULL OR boughtInLastMonth = '' THEN 'boughtInLastMonth: empty'
            WHEN rtrim(boughtInLastMonth, '0123456789.') <> '' OR boughtInLastMonth GLOB '*.*.*' OR boughtInLastMonth = '.'
                THEN 'boughtInLastMonth: not a number: ' || quoted(boughtInLastMonth)
            WHEN boughtInLastMonth GLOB '*.*[1-9]*' THEN 'boughtInLastMonth: not a whole number: ' || quoted(boughtInLastMonth)
            WHEN CAST(boughtInLastMonth AS REAL) > 2147483647
                THEN 'boughtInLastMonth: not between 0 and 2,147,483,647: ' || quoted(boughtInLastMonth)
        END AS reason
    FROM [import].products_staging
    WHERE row_no BETWEEN :first AND :last
)
WHERE reason IS NOT NULL;

-- section: 2 repeated
-- The keys that more than one row has; run at the same time.
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
-- What is left, typed as the catalog has it: money and stars in whole hundredths, 0 there means "missing".
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
-- Only what differs is written: new rows have no product_id here.
DROP TABLE IF EXISTS temp.pending;
CREATE TABLE temp.pending (row_no INTEGER PRIMARY KEY, product_id INTEGER, category_before INTEGER);

-- section: 6 compare
-- The rows of `pending`. Where there are many products, run for two ranges of rows at once, each on a connection of
-- its own: while the lock is held and nothing written yet, all see the same catalog.
SELECT incoming.row_no, products.product_id, products.category_id
FROM incoming
LEFT JOIN products ON products.asin = incoming.asin
WHERE incoming.row_no BETWEEN :first AND :last
    AND (
        products.product_id IS NULL
        OR products.title <> incoming.title
        OR products.image_url IS NOT incoming.image_url
        OR products.product_url IS NOT incoming.product_url
        OR products.stars IS NOT incoming.stars
        OR products.reviews <> incoming.reviews
        OR products.price IS NOT incoming.price
        OR products.list_price IS NOT incoming.list_price
        OR products.category_id <> incoming.category_id
        OR products.is_best_seller <> incoming.is_best_seller
        OR products.bought_in_last_month <> incoming.bought_in_last_month
    );

-- section: 7 update
-- CROSS JOIN: from the few rows that differ to the file's many, an order that SQLite's planner doesn't choose by itself.
DROP TABLE IF EXISTS temp.touched;
CREATE TABLE temp.touched (category_id INTEGER PRIMARY KEY);
INSERT OR IGNORE INTO temp.touched (category_id)
SELECT CAST(staging.category_id AS INTEGER)
FROM temp.pending
CROSS JOIN [import].products_staging AS staging ON staging.row_no = pending.row_no;

-- In a statement of its own: a UNION holds in memory what it has found.
INSERT OR IGNORE INTO temp.touched (category_id)
SELECT category_before FROM temp.pending WHERE category_before IS NOT NULL;

INSERT INTO categories (category_id, name, product_count)
SELECT category_id, 'Category ' || category_id, 0
FROM temp.touched
WHERE category_id NOT IN (SELECT category_id FROM categories);

-- What no index has first. Then each column that indexes have, where it differs: an UPDATE takes the row's entries out
-- of the indexes of all columns that it names and puts them in again, changed or not.
UPDATE products
SET
    image_url = incoming.image_url,
    product_url = incoming.product_url,
    list_price = incoming.list_price,
    is_best_seller = incoming.is_best_seller,
    updated_at = :now
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id;

UPDATE products
SET title = incoming.title
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id AND products.title <> incoming.title;

UPDATE products
SET stars = incoming.stars
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id AND products.stars IS NOT incoming.stars;

UPDATE products
SET reviews = incoming.reviews
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id AND products.reviews <> incoming.reviews;

UPDATE products
SET price = incoming.price
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id AND products.price IS NOT incoming.price;

UPDATE products
SET category_id = incoming.category_id
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id AND products.category_id <> incoming.category_id;

UPDATE products
SET bought_in_last_month = incoming.bought_in_last_month
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE products.product_id = pending.product_id AND products.bought_in_last_month <> incoming.bought_in_last_month;

-- section: 8 insert
-- Numbered by their rows, so that the text index can be built meanwhile.
INSERT INTO products (
    product_id, asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,
    bought_in_last_month, created_at, updated_at
)
SELECT
    :last_product_id + incoming.row_no, incoming.asin, incoming.title, incoming.image_url, incoming.product_url, incoming.stars, incoming.reviews,
    incoming.price, incoming.list_price, incoming.category_id, incoming.is_best_seller,
    incoming.bought_in_last_month, :now, :now
FROM temp.pending
CROSS JOIN incoming ON incoming.row_no = pending.row_no
WHERE pending.product_id IS NULL
ORDER BY pending.row_no;

-- section: 9 words
-- Only where the triggers that keep the words of titles were left out for the insert.
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
