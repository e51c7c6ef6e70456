"""Bytes of requests to values, and values to bytes of answers."""
