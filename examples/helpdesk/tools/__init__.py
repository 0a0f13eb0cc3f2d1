"""The tool tables of the help desk, as data: one module per subject, gathered by `http` and `stdio`."""
