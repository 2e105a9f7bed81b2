"""Everything that happened: one append-only row a change, which is its event and its audit entry at once."""
