"""The way of usage events to keys."""
