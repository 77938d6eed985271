"""graft: graft a new head onto a pretrained network, reproducibly.

The training core. It knows nothing of DVC: the scripts in ``stages/`` tie it to the pipeline.
"""

__version__ = "0.2.0"
