"""Counters in this process."""
