"""Pure rules of sessions and turns: no I/O, no event loop, no clock."""
