"""Run by Alembic, as shared/database/migrate.py has it: on a connection that has begun its transaction, or as text."""

from __future__ import annotations

from alembic import context

_attributes = context.config.attributes
_version_table = f"alembic_version_{_attributes['line']}"

if context.is_offline_mode():
    context.configure(dialect_name=_attributes["dialect"], version_table=_version_table, literal_binds=True)
else:
    context.configure(connection=_attributes["connection"], version_table=_version_table, transactional_ddl=True)
context.run_migrations()
