"""The certificate authority: a program on a server. No agent imports it."""
