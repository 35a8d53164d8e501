"""The outside, one folder a thing. Adapters know ports and api only."""
