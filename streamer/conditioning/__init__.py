"""From raw samples at any rate to a scaled 250 Hz signal, with its quality: numba, pure, state in and out."""
