"""Which parts of a predicted body to trust, from its disagreement with detected keypoints."""
