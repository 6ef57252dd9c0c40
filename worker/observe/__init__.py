"""Metrics, logs and health: observers of outcomes, asked and never asking."""
