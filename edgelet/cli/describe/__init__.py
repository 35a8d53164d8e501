"""What `describe` says about a kind. Pure: documents and the time in, tabbed text out."""
