"""predictions.csv: what the network says of each picture of a split."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def table(paths: list[str], labels: list[str], probabilities: NDArray[np.float64], classes: list[str]) -> pd.DataFrame:
    """One row a picture: path, label, predicted, loss in nats, then a probability for each class.

    Numbers are rounded to six digits: what differs beyond is noise of floating point.
    """
    predicted = [classes[place] for place in probabilities.argmax(1)]
    own = probabilities[np.arange(len(labels)), [classes.index(label) for label in labels]]
    columns = {
        "path": paths,
        "label": labels,
        "predicted": predicted,
        "loss": (-np.log(np.clip(own, 1e-12, 1))).round(6),
    }
    chances = {f"p_{name}": probabilities[:, place].round(6) for place, name in enumerate(classes)}
    return pd.DataFrame(columns | chances)
