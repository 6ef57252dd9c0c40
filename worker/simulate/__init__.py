"""Break everything that can break under load, then prove that nothing was lost: what `swarmline simulate` runs."""
