"""Documents: a finished invoice as HTML and as PDF. Amounts are printed as stored, never computed."""
