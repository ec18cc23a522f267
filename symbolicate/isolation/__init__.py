"""Warm child processes in which uploaded files are compiled, under limits of memory and time."""
