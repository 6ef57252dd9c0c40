"""The rooms of one request: what happens between claim and commit."""
