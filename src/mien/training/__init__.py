"""Training: a recipe becomes a run folder.  Read `train.py` first."""
