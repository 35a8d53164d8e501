"""What comes in: decode, defaults, admission; from the broker, the manifest folder and the local API."""
