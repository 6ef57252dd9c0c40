"""The command line: argv to settings, to wiring, to an exit code; one file per verb."""
