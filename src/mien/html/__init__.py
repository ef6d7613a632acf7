"""The one HTML and chart kit of every page that mien writes."""
