"""The lines that `flask serve` prints for a newcomer: every one works when it is pasted, from first to last.

A customer, an invoice of ten lines, its issue (it gets its number and never changes again), its PDF. There are no
comments among them: an interactive zsh takes those for commands.
"""

TOUR = """\
export KEY={key}
export API={base}/api/v1
api() {{ curl -sS -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" "$@"; }}
first_id() {{ grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4; }}
CUSTOMER=$(api $API/customers -d '{{"name": "Acme Corp"}}' | first_id)
INVOICE=$(api $API/invoices -d '{{"customer_id": "'$CUSTOMER'", "payment_terms": "Net 30", "lines": [
  {{"name": "Concept", "quantity": 2, "unit": "day", "unit_price": "960.00"}},
  {{"name": "Design", "quantity": "12.5", "unit": "hour", "unit_price": "110.00"}},
  {{"name": "Development", "quantity": 40, "unit": "hour", "unit_price": "98.50"}},
  {{"name": "Testing", "quantity": 6, "unit": "hour", "unit_price": "85.00"}},
  {{"name": "Photographs", "quantity": 24, "unit_price": "17.95", "discount": {{"type": "percent", "value": 10}}}},
  {{"name": "Text, per 100 words", "quantity": 35, "unit_price": "8.40"}},
  {{"name": "Hosting", "quantity": 12, "unit": "month", "unit_price": "49.90"}},
  {{"name": "Domain", "quantity": 1, "unit_price": "14.28"}},
  {{"name": "Printed handbook", "quantity": 3, "unit_price": "24.50", "tax_rate": 7}},
  {{"name": "Travel", "quantity": 1, "unit_price": "126.40"}}]}}' | first_id)
api -X POST $API/invoices/$INVOICE/issue | grep -o '"number":"[^"]*"'
curl -sS -o invoice.pdf $(api -X POST $API/invoices/$INVOICE/pdf | grep -o '"url":"[^"]*"' | cut -d '"' -f 4)
"""


def tour(base: str, key: str) -> str:
    """The lines for a server at `base` (http://127.0.0.1:8000) and a key that works there."""
    return TOUR.format(base=base, key=key)
