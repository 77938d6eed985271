"""The config of the report."""

from pydantic import Field

from graft.core.params import Section


class Report(Section):
    """How much the report shows."""

    gallery: int = Field(default=24, ge=1, le=500)
    """Images on each sheet: a random sample, the top losses, and so on."""
    review: int = Field(default=60, ge=0, le=10_000)
    """Rows of each kind in review.csv: suspected label errors, outliers, near duplicates; 0 looks for none."""
