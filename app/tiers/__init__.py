"""Tiers: what the operator's plans open. Data, not code."""
