"""How long entries are: IMDb's titles matched to a data set's movies, and what the user corrects."""
