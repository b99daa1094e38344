"""Decides every request that Envoy asks about: who is calling, may they, and which limits apply."""
