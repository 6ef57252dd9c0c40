"""Applications to start from; each runs with `make demo ARGS="--app examples.<name>:app"`, see README.md here."""
