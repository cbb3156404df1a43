-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.

-- read_product
SELECT products.asin, products.title, products.image_url, products.product_url, products.stars, products.reviews,
    products.price, products.list_price, products.category_id, products.is_best_seller, products.bought_in_last_month,
    products.created_at, products.updated_at
FROM products
WHERE products.asin = ?;
--   'B014TMV5YE' VARCHAR

-- known_asins
SELECT products.asin
FROM products
WHERE products.asin IN (?, ?);
--   'B014TMV5YE' VARCHAR; 'B000000002' VARCHAR

-- insert_products, one
INSERT INTO products (asin, title, image_url, reviews, price, category_id, is_best_seller, bought_in_last_month,
    created_at, updated_at) OUTPUT inserted.product_id VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);
--   'B014TMV5YE' VARCHAR; 'A blue suitcase' NVARCHAR; 'https://example.org/a.jpg' NVARCHAR; 0; Decimal('9.99')
--     NUMERIC(10, 2); 1; 0; 0; a time; a time

-- insert_products, a batch
INSERT INTO products (asin, title, image_url, product_url, stars, reviews, price, list_price, category_id,
    is_best_seller, bought_in_last_month, created_at, updated_at)
SELECT asin, title, image_url, product_url, stars, reviews, price, list_price, category_id, is_best_seller,
    bought_in_last_month, ?, ?
FROM OPENJSON(?) WITH (
asin CHAR(10),
title NVARCHAR(2000),
image_url NVARCHAR(4000),
product_url NVARCHAR(4000),
stars NUMERIC(3, 2),
reviews INT,
price NUMERIC(10, 2),
list_price NUMERIC(10, 2),
category_id INT,
is_best_seller BIT,
bought_in_last_month INT
);
--   a time; a time; '[{"asin": "B014TMV5YE", "title": "A blue suitcase", "image_url": "https://example.org/a.jpg",
--     "product_url": null, "stars": null, "reviews": 0, "price": "9.99", "list_price": null, "category_id": 1,
--     "is_best_seller": false, "bought_in_last_month": 0}, {"asin": "B000000002", "title": "x", "image_url": null,
--     "product_url": null, "stars": null, "reviews": 0, "price": "9.99", "list_price": null, "category_id": 1,
--     "is_best_seller": false, "bought_in_last_month": 0}]'

-- update_product
UPDATE products SET title=?, stars=?, price=NULL, category_id=?, updated_at=? WHERE products.asin = ? AND
    products.updated_at = ?;
--   'A blue suitcase' NVARCHAR; Decimal('4.5') NUMERIC(3, 2); 2; a time; 'B014TMV5YE' VARCHAR; a time

-- delete_product
DELETE FROM products WHERE products.asin = ? AND products.updated_at = ?;
--   'B014TMV5YE' VARCHAR; a time

-- count_products, all
SELECT coalesce(sum(categories.product_count), ?) AS coalesce_1
FROM categories;
--   0

-- count_products, a category
SELECT coalesce(sum(categories.product_count), ?) AS coalesce_1
FROM categories
WHERE categories.category_id = ?;
--   0; 104

-- count_products, filtered
SELECT count(*) AS count_1
FROM products
WHERE products.category_id = ? AND products.price >= ? AND products.price <= ? AND products.stars >= ? AND
    products.is_best_seller = 1 AND contains(products.title, ?) OPTION (RECOMPILE);
--   104; Decimal('9.99') NUMERIC(10, 2); Decimal('50') NUMERIC(10, 2); Decimal('4.5') NUMERIC(3, 2);
--     '"blue"&"suitcase"' NVARCHAR

-- read_products, filtered
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price >= ? AND products.price <= ? AND products.stars >= ? AND
    products.is_best_seller = 1 AND contains(products.title, ?) ORDER BY products.asin OPTION (RECOMPILE);
--   104; Decimal('9.99') NUMERIC(10, 2); Decimal('50') NUMERIC(10, 2); Decimal('4.5') NUMERIC(3, 2);
--     '"blue"&"suitcase"' NVARCHAR
