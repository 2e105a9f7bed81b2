"""Webhooks: endpoints of an organisation, one delivery for each event and endpoint, and the sender that retries."""
