"""Ed25519 signatures, by the library `cryptography`, which only the first use loads."""
