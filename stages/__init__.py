"""The pipeline: one small script a stage, run as ``python -m stages.<name>``."""

import gc
import sys
import time

STARTED = time.time()
"""When this process began to import; code edited later than this may not be what runs."""

if sys.argv[0] == "-m":  # a stage's own process, still looking for its script
    gc.disable()  # importing torch makes hundreds of thousands of objects and no garbage; looking costs a second
