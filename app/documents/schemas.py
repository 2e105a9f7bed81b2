"""Shapes of documents on the wire."""

from app.http import fields
from app.http.schema import Schema


class FileOut(Schema):
    """Where a document can be fetched, without a key, until the link expires."""

    url = fields.Text(2000, example="https://billing.example.com/api/v1/files/WyJ…")
    expires_at = fields.Instant()
    filename = fields.Text(120, example="INV-0007.pdf")
    content_type = fields.Text(60, example="application/pdf")
    size = fields.Whole(0, 2**53, example=42_000, doc="Bytes.")
