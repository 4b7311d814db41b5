"""Importing a module of this folder registers its checks."""
