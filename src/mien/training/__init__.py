"""Training: a recipe becomes a run folder.  Read `train.py` first."""

import os

from mien.data.cache import cache_folder

# torch makes this folder whether it compiles or not: without a word from us in /tmp, where it stays
os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder() / "torch"))
