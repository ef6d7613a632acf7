"""Where predictions go: rows and formats, the terminal, drawings and the report."""
