"""Dataclasses in files, as JSON or as arrays: their type hints are the schema, and nothing is unpickled."""
