"""Pictures with labelled people, and the scenes that are composed of them."""
