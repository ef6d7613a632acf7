"""The process that reads: a line `kind<TAB>path` in, a line of JSON out.  Whatever crashes here crashes alone."""

import json
import os
import resource
import sys
import traceback
from pathlib import Path

MEMORY = 12 << 30  # bytes of address space: a size that a file declares must not be believed


def main() -> None:
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # so that what libraries print is not read as a result
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from mien.errors import MienError
    from mutated.kinds import KINDS

    for line in sys.stdin:
        kind, path = line.rstrip("\n").split("\t")
        outcome = {"how": "read", "text": "", "trace": ""}
        try:
            if error := KINDS[kind].read(Path(path)):
                outcome |= {"how": "row", "text": str(error)}
        except MienError as error:
            outcome |= {"how": type(error).__name__, "text": str(error)}
        except BaseException as error:
            outcome |= {
                "how": "traceback",
                "text": f"{type(error).__name__}: {error}"[:300],
                "trace": traceback.format_exc(),
            }
        out.write(json.dumps(outcome) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
