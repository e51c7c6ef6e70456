"""One training loop for every capability."""
