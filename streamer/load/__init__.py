"""Live streams by the thousand, and how late their beats come: the measurements behind `latency` and `bench`."""
