"""From rendered people to a network that sees the body in a photo."""
