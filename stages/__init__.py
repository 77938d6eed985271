"""The pipeline: one small script a stage, run as ``python -m stages.<name>``."""

import gc
import sys
import time

STARTED = time.time()
"""When this process began to import; code edited later than this may not be what runs."""

INSTALLED: dict[str, str] = {}
"""What of an installed graft this process runs, as it was before the script was imported."""

if sys.argv[0] == "-m":  # a stage's own process, still looking for its script
    gc.disable()  # importing torch makes hundreds of thousands of objects and no garbage; looking costs a second
    from graft.core import installed
    from graft.core.errors import StageError

    module = next((word.partition("stages.")[2] for word in sys.orig_argv[1:] if "stages." in word), "")
    name = "@".join([module.replace("_", "-"), *sys.argv[1:]])
    try:
        INSTALLED = installed.check(name)  # now: a script may fail to import what another graft no longer has
    except StageError as error:
        sys.exit(f"{name}: {type(error).__name__}: {error}")
