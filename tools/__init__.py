"""What a developer runs from a clone: evaluation, figures."""
