"""Predicted bodies compared with true ones, in tables and figures."""
