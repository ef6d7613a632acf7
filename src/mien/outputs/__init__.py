"""Writing results: nothing of the user's is touched, and mien's own files are distinct from data.

files.py          one file: staged and growing writes
lock.py           one process at a time in a folder
record.py         mien-run.json: which files of a folder are mien's
targets.py        which files a command may write, and what of an earlier run it removes
folder.py         Outputs and `output_folder`: what `mien predict --out` writes as it goes
result_folder.py  commands that measure first and write at their end
run_folder.py     folders that are resumed: trainings, sweeps, reproductions
"""

from mien.outputs.files import Growing, NotThisFileError, cannot_write, staged, write
from mien.outputs.folder import Outputs, into, output_folder

__all__ = ["Growing", "NotThisFileError", "Outputs", "cannot_write", "into", "output_folder", "staged", "write"]
