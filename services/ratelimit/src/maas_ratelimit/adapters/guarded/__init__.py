"""A store that may fail, and what happens while it is away."""
