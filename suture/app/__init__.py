"""The roof: wiring of the stages, the command line and the demonstration network. Nothing imports it."""
