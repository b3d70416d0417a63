"""The laboratory: data, training, teacher, export."""
