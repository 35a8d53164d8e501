"""The composition root: wiring, order of start and stop, signals. Read pod_path first."""
