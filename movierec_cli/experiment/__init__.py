"""From runs to a study: who is compared with whom, by which numbers, and what that says in sentences."""
