"""The rhythm network: its data, its training, its choice."""
