import pytest
from prometheus_client import CollectorRegistry, Gauge

from graft.apps.serve.batching import Line
from graft.apps.serve.problems import ProblemError


def test_places_are_taken_given_back_and_refused_when_none_is_left() -> None:
    gauge = Gauge("waiting", "Waiting.", registry=CollectorRegistry())
    line = Line(3, gauge)
    with line.enter(2):
        assert (line.taken, line.full, gauge._value.get()) == (2, False, 2)
        with line.enter(1):
            assert line.full
            with pytest.raises(ProblemError) as refused:
                line.enter(1).__enter__()
        assert refused.value.status == 503
        assert refused.value.headers == {"Retry-After": "1"}
        assert "3 pictures wait already and 3 may" in str(refused.value)
        with pytest.raises(ValueError, match="broke"), line.enter(1):
            raise ValueError("broke")
    assert (line.taken, gauge._value.get()) == (0, 0)
