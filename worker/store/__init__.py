"""The only speaker of Redis: the scripts, and what goes into and comes out of them."""
