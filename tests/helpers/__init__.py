"""Tools for tests: each file has one."""
