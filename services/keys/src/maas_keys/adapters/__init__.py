"""The outside: the database."""
