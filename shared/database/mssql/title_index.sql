-- The full-text index of the products' titles: exact words, none of them left out (STOPLIST OFF), divided by the rules
-- of no language in particular (LANGUAGE 0), accents ignored. It's filled behind the commit. Beside the migrations, since
-- SQL Server makes it in no transaction, and may lack the component. Safe to run again.

IF NOT EXISTS (SELECT 1 FROM sys.fulltext_catalogs WHERE name = N'products_title')
    CREATE FULLTEXT CATALOG [products_title] WITH ACCENT_SENSITIVITY = OFF;
GO

IF NOT EXISTS (SELECT 1 FROM sys.fulltext_indexes WHERE object_id = OBJECT_ID(N'dbo.products'))
    CREATE FULLTEXT INDEX ON [dbo].[products] ([title] LANGUAGE 0) KEY INDEX [pk_products] ON [products_title]
    WITH (CHANGE_TRACKING AUTO, STOPLIST OFF);
GO
