"""The HTTP layer: guarded blueprints, one error envelope, exact JSON, paging, OpenAPI."""
