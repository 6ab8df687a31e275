"""The roof: wiring of the stages, command line, demonstration network. Nothing imports it."""
