"""What a face shows over time: tracking, smoothing, events, summaries, timelines."""
