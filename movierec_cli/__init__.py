"""movierec: train, judge and use movie recommenders from the command line."""

import os

__version__ = "0.1.0"

# TensorFlow Recommenders refuses Keras 3, and TensorFlow picks its Keras when it is first imported.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
# The C++ start-up log says nothing a user of this tool can act on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
