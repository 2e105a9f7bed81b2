"""Taxes, units of measure and payment methods: the short lists an organisation sets up once."""
