"""`mien serve`: faces over HTTP, and the page that reads them in the browser.  Start reading at app.py.

One process serves requests and touches no image.  Decoders (decoders.py) turn bytes into pixels under limits, and one
reader (engine.py) finds and classifies faces; both are processes of their own, replaced when they die.
"""
