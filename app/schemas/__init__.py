"""Wire types, one module a capability."""
