"""What the four services share. `errors`, `clock`, `limits`, `plan` and `apikey` are pure: standard library only."""
