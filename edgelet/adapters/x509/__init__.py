"""Keys, certificates, requests and revocation lists: all that imports `cryptography` for them."""
