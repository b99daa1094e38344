"""What is outside: counters, the state folder, Envoy's protocol."""
