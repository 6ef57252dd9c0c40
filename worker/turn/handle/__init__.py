"""The turn as tools and callbacks see it: one file for each thing that they may do with it."""
