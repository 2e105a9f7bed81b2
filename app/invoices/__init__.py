"""Invoices: drafts, issue, and the totals of any document."""
