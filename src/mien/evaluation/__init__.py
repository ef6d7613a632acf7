"""Evaluation: results in, honest figures out.  Works on arrays and never imports torch."""
