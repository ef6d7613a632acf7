"""Nothing leaves the machine: the telemetry of what mien builds on is switched off.

onnxruntime carries telemetry from 1.29 on, on by default: importing it writes a device id below the user's cache folder
and some seconds later sends events to its maker.  The environment variable switches all of it off, for the process and
its children, and only when it is set before the import.
"""

import os

VARIABLE = "ORT_DISABLE_TELEMETRY"


def switch_off() -> bool:
    """Switch telemetry off unless the user has set the variable (0 leaves it on); return whether it is off."""
    if not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = "1"
    return os.environ[VARIABLE] != "0"
