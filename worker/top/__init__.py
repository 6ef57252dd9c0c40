"""The live view of `swarmline top`: one data model, read from Redis, and small widgets that show it (extra `tui`)."""
