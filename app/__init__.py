"""HTTP only: bytes to arrays to bytes."""
