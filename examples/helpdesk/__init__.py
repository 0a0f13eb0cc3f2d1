"""The example help desk: two MCP servers and a plain HTTP service over one SQLite file.

Used by `make run` and the end-to-end tests.
"""
