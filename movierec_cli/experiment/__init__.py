"""From runs to a study: which are compared, by which numbers, and what that says in sentences."""
