"""A photo to the body underneath."""
