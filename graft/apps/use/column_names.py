"""What the name of a column says: words that people use for labels, groups, splits, and all the rest."""

from graft.data.folders import words

LABELS = """
    label labels lbl class classes cls target diagnosis dx category categories species taxon breed emotion expression
    grade finding findings pathology malignancy disease diseases condition choice variety cultivar genus scientific
    sentiment severity stage defect outcome tags result status family type kind style quality
"""
"""Best first."""
GROUPS = """
    patient subject participant individual donor person group lesion case specimen slide module scene
    video sequence clip film movie session series study site
"""
"""Units that show the same thing more than once, and should not straddle splits; best first."""
SPLITS = "split set subset partition fold usage phase train training valid val validation test testing"
PATHS = "image images img file filename path filepath picture photo name fname frame uri url id"
IDS = "id ids uid uuid guid code number no nr num key index"
OTHERS = """
    sex gender age ethnicity race height width size area xmin xmax ymin ymax left top right bottom x y w h bbox box
    roi lat lon latitude longitude altitude depth channels date time timestamp created updated year month day user
    annotator annotation rater author reviewer email country confidence score probability prob weight confirm source
    licence license comment comments note notes description caption text md5 sha sha256 hash bytes format lead
    localization location position anatom anatomy anatomic anatomical body view modality row unnamed valid test train
"""
"""Of columns that are neither label nor group, whatever else their name says."""

_LABELS, _GROUPS = LABELS.split(), GROUPS.split()
_KNOWN = {*_LABELS, *_GROUPS, *SPLITS.split(), *PATHS.split(), *IDS.split(), *OTHERS.split()}


def column_words(name: str) -> list[str]:
    """Words of a name in lower case: ``ClassId``, ``class.id`` and ``classid`` are class and id."""
    return [part for word in words(name) for part in _parts(word)]


def says(name: str, vocabulary: str) -> bool:
    """Whether a name holds one of the words."""
    return not {*vocabulary.split()}.isdisjoint(column_words(name))


def is_known(name: str) -> bool:
    """Whether a cell looks like the name of a column."""
    return not _KNOWN.isdisjoint(column_words(name))


def label_rank(name: str) -> tuple[int, int] | None:
    """How well a name tells a label, the smallest best; None if it does not. First of all, it says nothing else."""
    said = column_words(name)
    ranks = [_LABELS.index(word) for word in said if word in _LABELS]
    return (len(said) - 1, min(ranks)) if ranks and not says(name, OTHERS) else None


def group_rank(name: str) -> int | None:
    """How well a name tells a group, the smallest best; None if it does not."""
    ranks = [_GROUPS.index(word) for word in column_words(name) if word in _GROUPS]
    return min(ranks) if ranks and not says(name, OTHERS) else None


def is_id(name: str) -> bool:
    """Whether a name tells an identifier of something that may repeat."""
    return says(name, IDS) and not says(name, OTHERS)


def _parts(word: str) -> list[str]:
    for end in ("id", "name", "path", "file", "s"):
        if word.endswith(end) and word not in _KNOWN and word.removesuffix(end) in _KNOWN:
            return [word.removesuffix(end), *([end] if end != "s" else [])]
    return [word]
