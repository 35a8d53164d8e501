"""What is said: Kubernetes kinds as values, quantities, names, conditions and errors. No I/O, no clock."""
