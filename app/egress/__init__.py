"""The only way out: HTTP calls to addresses that callers chose, held off everything that is not the public Internet."""
