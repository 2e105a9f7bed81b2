"""POST /calculate: the totals of a document and every step that led to them; nothing is stored."""
