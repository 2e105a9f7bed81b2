"""The scopes a key may hold. A route may ask only for these; `*` stands for all of them."""

SCOPES: dict[str, str] = {
    "invoices:read": "Read invoices, their documents and e-mails; calculate totals",
    "invoices:write": "Create, change and delete draft invoices",
    "invoices:issue": "Issue, send and credit invoices: cannot be undone",
    "invoices:void": "Void, write off and reinstate invoices: cannot be undone",
    "customers:read": "Read customers",
    "customers:write": "Create, change and delete customers",
    "items:read": "Read the catalogue",
    "items:write": "Create, change and delete catalogue items",
    "payments:read": "Read payments",
    "payments:write": "Record and delete payments",
    "payments:refund": "Refund payments: cannot be undone",
    "credit-notes:read": "Read credit notes",
    "credit-notes:write": "Create and apply credit notes",
    "webhooks:read": "Read webhook endpoints and deliveries",
    "webhooks:write": "Create, change and delete webhook endpoints",
    "settings:read": "Read settings, taxes, units, payment methods and number series",
    "settings:write": "Change settings, taxes, units, payment methods and number series",
    "keys:admin": "Create, change and revoke API keys",
    "reports:read": "Read reports",
    "audit:read": "Read the audit log",
    "events:read": "Read the event log",
}
ALL = "*"
