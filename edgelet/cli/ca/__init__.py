"""What `edgelet ca` can do, one thing a file."""
