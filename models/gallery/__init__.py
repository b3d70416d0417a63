"""The designs that this project began from, each in a file of its own, trained and scored alike."""
