"""The installed command `habitus`, and what it makes of photos without HTTP."""
