"""The catalogue: products and services with their prices, units and taxes."""
