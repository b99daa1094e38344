"""Who is calling: people by OIDC tokens, the suite's own programs by the workload credential."""
