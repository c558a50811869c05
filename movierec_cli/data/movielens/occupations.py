"""Occupations as the files have them, and the labels under which TFDS unites them across data sets."""

from __future__ import annotations

OCCUPATIONS_1M = (
    "other/not specified",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
"""1M: the users file holds the index."""

_LABELS_1M = {"college/grad student": "student", "K-12 student": "student"}

_LABELS_100K = {
    "administrator": "clerical/admin",
    "artist": "artist",
    "doctor": "doctor/health care",
    "educator": "academic/educator",
    "engineer": "technician/engineer",
    "entertainment": "entertainment",
    "executive": "executive/managerial",
    "healthcare": "doctor/health care",
    "homemaker": "homemaker",
    "lawyer": "lawyer",
    "librarian": "librarian",
    "marketing": "sales/marketing",
    "none": "other/not specified",
    "other": "other/not specified",
    "programmer": "programmer",
    "retired": "retired",
    "salesman": "sales/marketing",
    "scientist": "scientist",
    "student": "student",
    "technician": "technician/engineer",
    "writer": "writer",
}

OCCUPATIONS_100K = tuple(_LABELS_100K)
"""100K: the users file holds the word."""


def occupation_label(name: str) -> str:
    """TFDS' `user_occupation_label` for one of `Users.occupation_names`, which keep the finer word."""
    return _LABELS_1M.get(name) or _LABELS_100K.get(name, name)
