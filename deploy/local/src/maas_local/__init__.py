"""Runs the whole suite on one machine: gateway, services, a real model, a local sign-in."""
