"""Training of the silhouette confidence network."""
