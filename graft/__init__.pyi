from graft.apps.project import Project as Project
from graft.predict import Predictor as Predictor

__version__: str
__all__ = ["Predictor", "Project", "__version__"]
