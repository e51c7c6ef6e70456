"""Makes what `checkpoints/` holds: data, training, evaluation, figures."""
