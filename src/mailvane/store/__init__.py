"""The past and the people: what outlives a restart, in SQLite or PostgreSQL."""
