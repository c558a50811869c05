"""Towers and weights from item to item, added."""
