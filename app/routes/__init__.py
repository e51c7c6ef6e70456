"""Endpoints, one router a capability."""
