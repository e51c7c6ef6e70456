"""Learning which parts of a predicted body to trust."""
