"""Annotation formats: each reads a folder into a Dataset and writes one."""
