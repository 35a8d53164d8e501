"""Table rows of a kind, as kubectl prints them. Pure: documents and the time in, cells out."""
