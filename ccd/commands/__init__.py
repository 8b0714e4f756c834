"""The command line's commands, one file each. What is slow to import is imported when needed."""
