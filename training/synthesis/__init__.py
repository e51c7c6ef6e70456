"""Learns to draw one person from skeletons, and measures how well."""
