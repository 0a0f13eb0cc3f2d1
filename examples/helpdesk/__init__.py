"""The example help desk: two MCP servers over one SQLite file, used by `make run` and the end-to-end tests."""
