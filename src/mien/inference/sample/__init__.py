"""READ drawing.py FIRST: faces drawn from a result of `mien predict`, for people to label; page.py is what they see."""
