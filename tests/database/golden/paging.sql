-- Rendered by `python -m golden` from the repositories' statements: change those, not this file.

-- asin, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products ORDER BY products.asin;

-- asin, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.asin > ? ORDER BY products.asin;
--   'B014TMV5YE' VARCHAR

-- -asin, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products ORDER BY products.asin DESC;

-- -asin, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.asin < ? ORDER BY products.asin DESC;
--   'B014TMV5YE' VARCHAR

-- price, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NOT NULL ORDER BY products.price, products.asin;
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NULL ORDER BY products.asin;

-- price, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price = ? AND products.asin > ? ORDER BY products.asin;
--   Decimal('9.99') NUMERIC(10, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price > ? ORDER BY products.price, products.asin;
--   Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NULL ORDER BY products.asin;

-- price, all, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NULL AND products.asin > ? ORDER BY products.asin;
--   'B014TMV5YE' VARCHAR

-- -price, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NOT NULL ORDER BY products.price DESC, products.asin DESC;
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price = ? ORDER BY products.asin;
--   Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NULL ORDER BY products.asin;

-- -price, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price = ? AND products.asin > ? ORDER BY products.asin;
--   Decimal('9.99') NUMERIC(10, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price < ? ORDER BY products.price DESC, products.asin DESC;
--   Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price = ? ORDER BY products.asin;
--   Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NULL ORDER BY products.asin;

-- -price, all, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.price IS NULL AND products.asin > ? ORDER BY products.asin;
--   'B014TMV5YE' VARCHAR

-- stars, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NOT NULL ORDER BY products.stars, products.asin;
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NULL ORDER BY products.asin;

-- stars, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars = ? AND products.asin > ? ORDER BY products.asin;
--   Decimal('9.99') NUMERIC(3, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars > ? ORDER BY products.stars, products.asin;
--   Decimal('9.99') NUMERIC(3, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NULL ORDER BY products.asin;

-- stars, all, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NULL AND products.asin > ? ORDER BY products.asin;
--   'B014TMV5YE' VARCHAR

-- -stars, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NOT NULL ORDER BY products.stars DESC, products.asin DESC;
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars = ? ORDER BY products.asin;
--   Decimal('4.50') NUMERIC(3, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NULL ORDER BY products.asin;

-- -stars, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars = ? AND products.asin > ? ORDER BY products.asin;
--   Decimal('9.99') NUMERIC(3, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars < ? ORDER BY products.stars DESC, products.asin DESC;
--   Decimal('9.99') NUMERIC(3, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars = ? ORDER BY products.asin;
--   Decimal('4.50') NUMERIC(3, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NULL ORDER BY products.asin;

-- -stars, all, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.stars IS NULL AND products.asin > ? ORDER BY products.asin;
--   'B014TMV5YE' VARCHAR

-- reviews, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews IS NOT NULL ORDER BY products.reviews, products.asin;

-- reviews, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews = ? AND products.asin > ? ORDER BY products.asin;
--   7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews > ? ORDER BY products.reviews, products.asin;
--   7

-- -reviews, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews IS NOT NULL ORDER BY products.reviews DESC, products.asin DESC;
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews = ? ORDER BY products.asin;
--   1

-- -reviews, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews = ? AND products.asin > ? ORDER BY products.asin;
--   7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews < ? ORDER BY products.reviews DESC, products.asin DESC;
--   7
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.reviews = ? ORDER BY products.asin;
--   1

-- bought_in_last_month, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month IS NOT NULL ORDER BY products.bought_in_last_month, products.asin;

-- bought_in_last_month, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month = ? AND products.asin > ? ORDER BY products.asin;
--   7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month > ? ORDER BY products.bought_in_last_month, products.asin;
--   7

-- -bought_in_last_month, all, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month IS NOT NULL ORDER BY products.bought_in_last_month DESC, products.asin DESC;
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month = ? ORDER BY products.asin;
--   1

-- -bought_in_last_month, all, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month = ? AND products.asin > ? ORDER BY products.asin;
--   7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month < ? ORDER BY products.bought_in_last_month DESC, products.asin DESC;
--   7
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.bought_in_last_month = ? ORDER BY products.asin;
--   1

-- asin, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? ORDER BY products.asin;
--   104

-- asin, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.asin > ? ORDER BY products.asin;
--   104; 'B014TMV5YE' VARCHAR

-- -asin, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? ORDER BY products.asin DESC;
--   104

-- -asin, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.asin < ? ORDER BY products.asin DESC;
--   104; 'B014TMV5YE' VARCHAR

-- price, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NOT NULL ORDER BY products.price, products.asin;
--   104
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NULL ORDER BY products.asin;
--   104

-- price, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price = ? AND products.asin > ? ORDER BY products.asin;
--   104; Decimal('9.99') NUMERIC(10, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price > ? ORDER BY products.price, products.asin;
--   104; Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NULL ORDER BY products.asin;
--   104

-- price, a category, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NULL AND products.asin > ? ORDER BY products.asin;
--   104; 'B014TMV5YE' VARCHAR

-- -price, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NOT NULL ORDER BY products.price DESC, products.asin DESC;
--   104
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price = ? ORDER BY products.asin;
--   104; Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NULL ORDER BY products.asin;
--   104

-- -price, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price = ? AND products.asin > ? ORDER BY products.asin;
--   104; Decimal('9.99') NUMERIC(10, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price < ? ORDER BY products.price DESC, products.asin DESC;
--   104; Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price = ? ORDER BY products.asin;
--   104; Decimal('9.99') NUMERIC(10, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NULL ORDER BY products.asin;
--   104

-- -price, a category, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.price IS NULL AND products.asin > ? ORDER BY products.asin;
--   104; 'B014TMV5YE' VARCHAR

-- stars, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NOT NULL ORDER BY products.stars, products.asin;
--   104
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NULL ORDER BY products.asin;
--   104

-- stars, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars = ? AND products.asin > ? ORDER BY products.asin;
--   104; Decimal('9.99') NUMERIC(3, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars > ? ORDER BY products.stars, products.asin;
--   104; Decimal('9.99') NUMERIC(3, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NULL ORDER BY products.asin;
--   104

-- stars, a category, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NULL AND products.asin > ? ORDER BY products.asin;
--   104; 'B014TMV5YE' VARCHAR

-- -stars, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NOT NULL ORDER BY products.stars DESC, products.asin DESC;
--   104
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars = ? ORDER BY products.asin;
--   104; Decimal('4.50') NUMERIC(3, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NULL ORDER BY products.asin;
--   104

-- -stars, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars = ? AND products.asin > ? ORDER BY products.asin;
--   104; Decimal('9.99') NUMERIC(3, 2); 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars < ? ORDER BY products.stars DESC, products.asin DESC;
--   104; Decimal('9.99') NUMERIC(3, 2)
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars = ? ORDER BY products.asin;
--   104; Decimal('4.50') NUMERIC(3, 2)
SELECT TOP 19 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NULL ORDER BY products.asin;
--   104

-- -stars, a category, a page among the nulls
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.stars IS NULL AND products.asin > ? ORDER BY products.asin;
--   104; 'B014TMV5YE' VARCHAR

-- reviews, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews IS NOT NULL ORDER BY products.reviews, products.asin;
--   104

-- reviews, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews = ? AND products.asin > ? ORDER BY products.asin;
--   104; 7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews > ? ORDER BY products.reviews, products.asin;
--   104; 7

-- -reviews, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews IS NOT NULL ORDER BY products.reviews DESC, products.asin DESC;
--   104
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews = ? ORDER BY products.asin;
--   104; 1

-- -reviews, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews = ? AND products.asin > ? ORDER BY products.asin;
--   104; 7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews < ? ORDER BY products.reviews DESC, products.asin DESC;
--   104; 7
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.reviews = ? ORDER BY products.asin;
--   104; 1

-- bought_in_last_month, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month IS NOT NULL ORDER BY products.bought_in_last_month,
    products.asin;
--   104

-- bought_in_last_month, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month = ? AND products.asin > ? ORDER BY products.asin;
--   104; 7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month > ? ORDER BY products.bought_in_last_month,
    products.asin;
--   104; 7

-- -bought_in_last_month, a category, the first page
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month IS NOT NULL ORDER BY products.bought_in_last_month
    DESC, products.asin DESC;
--   104
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month = ? ORDER BY products.asin;
--   104; 1

-- -bought_in_last_month, a category, a page in the middle
SELECT TOP 21 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month = ? AND products.asin > ? ORDER BY products.asin;
--   104; 7; 'B014TMV5YE' VARCHAR
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month < ? ORDER BY products.bought_in_last_month DESC,
    products.asin DESC;
--   104; 7
SELECT TOP 20 products.asin, products.title, products.image_url, products.product_url, products.stars,
    products.reviews, products.price, products.list_price, products.category_id, products.is_best_seller,
    products.bought_in_last_month, products.created_at, products.updated_at
FROM products
WHERE products.category_id = ? AND products.bought_in_last_month = ? ORDER BY products.asin;
--   104; 1
