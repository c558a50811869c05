"""The second task: how many stars somebody will give."""
