"""A private Redis-compatible server for demos, tests and benchmarks: started by us, gone with us."""
