"""What `serve` and `worker` are: a supervisor over web and workers."""
