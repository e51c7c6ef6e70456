"""Which garment is where in a picture."""
