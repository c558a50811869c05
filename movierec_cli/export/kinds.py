"""What a model can be exported as."""

import enum


class ExportFormat(enum.StrEnum):
    """What is written."""

    SAVEDMODEL = "savedmodel"
    NPZ = "npz"
    ONNX = "onnx"

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder; the others are files."""
        return self is ExportFormat.SAVEDMODEL


class IndexKind(enum.StrEnum):
    """How a SavedModel finds the best movies."""

    BRUTE_FORCE = "brute-force"
    """Exact."""
    SCANN = "scann"
    """Approximate, for catalogues of millions."""
