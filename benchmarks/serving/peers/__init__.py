"""One small file for each server that is measured; `servers.py` says how each is started."""
