"""Bytes to arrays to bytes: the HTTP service, its client, and the command `habitus`."""
