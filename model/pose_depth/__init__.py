"""Corrects the depth of 3D poses that were found in pictures of a single camera."""
