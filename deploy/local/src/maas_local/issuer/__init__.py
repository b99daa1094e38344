"""A small OpenID Connect issuer for one machine: sample people sign in with a password and get a token."""
