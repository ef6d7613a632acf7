"""Your own data: what the readers `folder` and `table`, and those of data sets laid out alike, have in common.

A reader lists rows (listing.py).  From there all is the same: words become labels (words.py), rows get their splits
(splits.py), images are decoded, cropped and cached (pixels.py), and what cannot be used is listed (faults.py).
`read` (samples.py) does it in that order.  The keys of a recipe's `data.options` are in options.py.
"""
