"""Files and bytes to pixels, bounded: images, video, animations, cameras."""

from mien.inference.media.image import DecodedImage, Limits, decode

__all__ = ["DecodedImage", "Limits", "decode"]
