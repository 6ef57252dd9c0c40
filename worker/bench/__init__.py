"""Measure Swarmline beside a bare loop on the same server: what `swarmline bench` runs."""
