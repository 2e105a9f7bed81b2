"""Jobs: in this process and in real ones."""
