"""Organisations, their people, their API keys and their settings."""
