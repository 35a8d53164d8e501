"""The board's own identity: what time it is, whether the certificate is good, and a new one before it ends."""
