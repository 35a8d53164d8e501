"""AES-256-GCM for Secrets at rest, HPKE for Secrets on their way. `cryptography` is loaded when a Secret is there."""
