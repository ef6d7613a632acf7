"""The service and its page: HTTP on top of the pipeline."""
