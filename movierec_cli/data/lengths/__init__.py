"""How long films are: IMDb's list of titles matched to the movies of a data set, and what the user corrects."""
