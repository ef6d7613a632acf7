"""Camera raw files, which are refused: Pillow reads only a thumbnail of 160 x 120 from many."""

SUFFIXES = frozenset(
    (
        *(".3fr", ".ari", ".arw", ".bay", ".braw", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dcs", ".dng", ".drf"),
        *(".eip", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw"),
        *(".orf", ".pef", ".ptx", ".pxn", ".r3d", ".raf", ".raw", ".rw2", ".rwl", ".rwz", ".sr2", ".srf", ".srw"),
        ".x3f",
    )
)
REFUSAL = "a camera raw file is not read; export it as JPEG, PNG or TIFF"
DNG, SUBFILE, FURTHER = 50706, 254, 330  # TIFF tags: DNGVersion, NewSubfileType, SubIFDs


def starts_raw(start: bytes) -> bool:
    """Return whether a file's first 16 bytes are those of Canon, Olympus, Panasonic, Fujifilm, Minolta or Sigma."""
    return (
        start.startswith((b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILMCCD-RAW", b"\0MRM", b"FOVb"))
        or start[4:12] == b"ftypcrx "
        or (start[:4] == b"II*\0" and start[8:10] == b"CR")
        or start[6:14] == b"HEAPCCDR"
    )


def is_raw(tags: dict[int, object]) -> bool:
    """Return whether the tags of a TIFF's first page are those of a raw file: a DNG, or a preview."""
    return DNG in tags or (tags.get(SUBFILE) == 1 and FURTHER in tags)
