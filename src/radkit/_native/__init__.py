"""Native kernels and their thin bindings. Nothing here is public."""
