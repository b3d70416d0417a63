"""Beats to rhythm: what the network reads, what is defined, and how both become events."""
