"""The SQLite file of conversations, messages and attempts: schema, migrations, one writer thread, queries."""
