"""What the help desk does to its data: one module per table, each function one question or one change."""
