"""What this node tells about itself: the Node object, events, usage, and what is reported over the link."""
