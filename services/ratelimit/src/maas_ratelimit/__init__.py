"""ratelimit: counts for Envoy what the plans of authz limit."""
