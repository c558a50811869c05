"""What is whole or absent in the folder of commands, and what is no result of theirs."""

MODELS = "saved_models"


def place_of(name: str) -> str:
    """Of a path in it: a file, an exported folder, or the folder of one run."""
    return "/".join(name.split("/")[: 2 if name.startswith(f"{MODELS}/") else 1])


def is_hidden(name: str) -> bool:
    """Whether a path is, or is in, a hidden folder or a hidden file."""
    return any(part.startswith(".") for part in name.split("/"))
