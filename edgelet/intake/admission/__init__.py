"""What this board does of what Kubernetes can say: refused with its path rather than silently dropped."""
