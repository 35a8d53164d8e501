"""Pods: one worker each looks, plans one round, does it, and looks again."""
