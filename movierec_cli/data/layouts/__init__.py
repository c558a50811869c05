"""The layouts of data sets, and how one is recognised."""
