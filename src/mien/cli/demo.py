"""`mien demo`: the page with the sample photos of packages, in the browser of this machine."""

from typing import Annotated

from mien.cli.serve import network_option


def demo(
    port: Annotated[int, network_option(metavar="N", help="0 takes a free one")] = 0,
    no_open: Annotated[bool, network_option("--no-open", help="print the address only")] = False,
) -> None:
    """Open the page on this machine, with sample photos to try."""
    import logging
    from threading import Thread

    from mien.experiments.sample_photos import portraits
    from mien.inference.measures.files import FOLDER, MESH
    from mien.printable import say
    from mien.serving.server import announce, serve
    from mien.serving.settings import Settings

    def opened(address: str) -> None:
        announce(address)
        if not no_open:
            Thread(target=_browse, args=(address,), daemon=True).start()  # some browsers only return when closed

    samples = {path.name: path for path in portraits().values()}
    if not samples:
        say("mien: without sample photos; pip install 'mien[demo]'")
    serve(Settings(port=port, measures=(FOLDER / MESH).is_file()), samples, opened, logging.WARNING)


def _browse(address: str) -> None:
    import webbrowser

    from mien.printable import say

    if not webbrowser.open(address):
        say(f"mien: no browser could be opened; open {address} by hand")
