"""Files and bytes to pixels, bounded: images, video, animations, cameras."""
