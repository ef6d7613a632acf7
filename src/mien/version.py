"""The version of mien, apart from `mien` itself, whose public names import everything else."""

__version__ = "0.2.0"
