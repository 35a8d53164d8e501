"""What the work bands need of the outside: a small Protocol a file. Fake and adapter pass one contract suite."""
