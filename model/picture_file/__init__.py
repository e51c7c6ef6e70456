"""Picture files from people and other programs: untrusted bytes to upright RGB pixels."""
