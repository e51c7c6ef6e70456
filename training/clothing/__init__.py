"""Which garment is where: data, objective and training."""
