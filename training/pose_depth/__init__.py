"""Training and measuring of the network that corrects the depth of poses."""
