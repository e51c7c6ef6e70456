"""Readers of picture collections in their own layouts."""
