"""The local store: one SQLite file, many processes."""
