"""The system around the model."""
