"""Rendered people whose body under the clothes is known exactly."""
