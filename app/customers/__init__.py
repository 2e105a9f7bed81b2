"""Customers: whom the organisation sells to, and what they owe."""
