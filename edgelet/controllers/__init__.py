"""Reconcilers from store to store: what a control plane does, for one node."""
