"""The one place through which matplotlib is imported: what it caches of fonts goes into mien's cache folder.

Left to itself it writes ~/.cache/matplotlib and ~/.config/matplotlib, and fontconfig, which it asks,
~/.cache/fontconfig.  A program that imported matplotlib before, or set MPLCONFIGDIR, keeps what it has.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from mien.data.cache import cache_folder


def figure(**options: Any) -> Any:
    """Return an empty matplotlib Figure."""
    with _own_cache():
        from matplotlib.figure import Figure

    return Figure(**options)


def styled(style: Any) -> AbstractContextManager[None]:
    """Return the context in which figures are drawn and saved in a style, matplotlib's rcParams."""
    with _own_cache():
        from matplotlib import font_manager, rc_context

        font_manager.fontManager  # noqa: B018 - here it reads the fonts

    return rc_context(style)


@contextmanager
def _own_cache() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ("MPLCONFIGDIR", "XDG_CACHE_HOME")}
    if not before["MPLCONFIGDIR"]:
        os.environ |= {"MPLCONFIGDIR": str(cache_folder() / "matplotlib"), "XDG_CACHE_HOME": str(cache_folder())}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
