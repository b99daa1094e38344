"""The registry: owns models and tiers, and feeds Envoy its clusters."""
