"""The pipeline: one small script a stage, run as ``python -m stages.<name>``."""

import time

STARTED = time.time()
"""When this process began to import; code edited later than this may not be what runs."""
