"""The command line, shaped like kubectl so that hands and scripts fit: one verb a file, each imports only its needs."""
