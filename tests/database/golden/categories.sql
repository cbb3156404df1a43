-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.

-- read_categories
SELECT categories.category_id, categories.name, categories.product_count
FROM categories ORDER BY categories.category_id;

-- read_category
SELECT categories.category_id, categories.name, categories.product_count
FROM categories
WHERE categories.category_id = ?;
--   104

-- known_categories
SELECT categories.category_id
FROM categories
WHERE categories.category_id IN (?, ?);
--   1; 2

-- insert_category
INSERT INTO categories (category_id, name, product_count) VALUES (?, ?, ?);
--   104; 'A blue suitcase' NVARCHAR; 0

-- rename_category
UPDATE categories SET name=? WHERE categories.category_id = ?;
--   'A blue suitcase' NVARCHAR; 104

-- add_to_product_counts, one
UPDATE categories SET product_count=(categories.product_count + ?) WHERE categories.category_id = ?;
--   -1; 1

-- add_to_product_counts, several
UPDATE categories
SET product_count = categories.product_count + changed.change
FROM OPENJSON(?) WITH (category_id INT, change INT) AS changed
INNER JOIN categories ON categories.category_id = changed.category_id
OPTION (LOOP JOIN, FORCE ORDER);
--   '[{"category_id": 1, "change": -1}, {"category_id": 2, "change": 1}]'
