"""Work that happens later: declared as jobs, kept as rows, run by threads of the web process or by `flask worker`."""
