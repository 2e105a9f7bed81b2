"""Billhook: a self-hosted invoicing web API. Layers, top to bottom: factory, cli, features, jobs, http, data, money."""

__version__ = "0.1.0"
