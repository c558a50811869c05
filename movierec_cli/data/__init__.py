"""From an archive to column tables, and from those to a split."""
