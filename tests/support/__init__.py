"""What tests use and are not: real services, and the report on which of them a run had."""
