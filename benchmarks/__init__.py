"""How fast, beside a peer or the plain computation in the same run: `make bench`."""
