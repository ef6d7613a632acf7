"""Photos, videos and cameras to faces: media -> detectors -> align -> classify, tied together in pipeline.py."""
