"""The command line: `flask init`, `flask serve`, `flask db`, `flask org`, `flask key`, `flask check` and more."""
