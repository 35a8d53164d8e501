"""The board's certificate and key on disk: looked at, renewed by a child process, exchanged in one step."""
