"""The service beside other serving frameworks: same network, same pictures, same machine."""
