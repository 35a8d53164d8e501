"""The durable object store and ledger: one SQLite database, one writer, everything readable from memory."""
