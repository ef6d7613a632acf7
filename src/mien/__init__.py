"""mien reads apparent facial expressions from pictures, and trains, measures and compares the models that do it."""

__version__ = "0.1.0"
