"""Examples, each in a folder of its own. A regular package, so that no other package of this name can stand in for it."""
