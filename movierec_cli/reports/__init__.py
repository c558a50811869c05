"""Studies and lists of movies, for people and programs: `tables` says what, `terminal` and `web` show it."""
