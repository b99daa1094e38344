"""What a process that counts in memory must not forget, in a SQLite file."""
