"""Owns API keys: makes, shows and ends them, and tells the services that decide by them."""
