"""How long films are: IMDb's titles matched to a data set's movies, and what the user corrects."""
