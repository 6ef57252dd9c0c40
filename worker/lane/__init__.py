"""What keeps turns moving: intake, executor, flusher, committer, heartbeat and drain."""
