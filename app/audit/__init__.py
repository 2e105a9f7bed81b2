"""The audit log: who did what, when and why, and what was there before. A view of the events."""
