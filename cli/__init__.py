"""The `evidence` command: thin, one module per verb."""
