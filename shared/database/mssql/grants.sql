-- Who may do what in Azure SQL: two roles, whose members infra/publish.sh makes (python -m shared.database.mssql.access, as the
-- server's administrator, after the migrations). Neither can change the schema. Safe to run again.

IF DATABASE_PRINCIPAL_ID(N'catalog_app') IS NULL CREATE ROLE [catalog_app];
GO

IF DATABASE_PRINCIPAL_ID(N'catalog_factory') IS NULL CREATE ROLE [catalog_factory];
GO

-- The app reads and writes rows.
GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::[dbo] TO [catalog_app];
GO

GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::[import] TO [catalog_app];
GO

-- Data Factory fills the staging tables; its pre-copy script deletes a run's rows, for which it reads their run_id.
GRANT SELECT, INSERT, DELETE ON OBJECT::[import].[products_staging] TO [catalog_factory];
GO

GRANT SELECT, INSERT, DELETE ON OBJECT::[import].[categories_staging] TO [catalog_factory];
GO

-- It alone runs the merges. They reach all else by their owner's rights (ownership chaining), not by the factory's. On
-- the schema, since each migration makes the procedures anew, and a right on a procedure would go with it.
GRANT EXECUTE ON SCHEMA::[import] TO [catalog_factory];
GO
