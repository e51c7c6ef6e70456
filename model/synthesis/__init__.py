"""Draws one person in a new pose: skeletons in, pictures out."""
