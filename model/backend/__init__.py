"""How a network runs: OpenVINO on a CPU, PyTorch elsewhere, in the format that is exact enough."""
