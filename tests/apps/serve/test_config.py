import pytest

from graft.apps.serve.config import Settings, SettingsError
from graft.images.decode import MAX_PIXELS


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"max_body": 0}, "max_body = 0: a limit must be above 0"),
        ({"timeout": float("nan")}, "timeout = nan: a limit must be above 0"),
        ({"max_pixels": MAX_PIXELS + 1}, f"max_pixels = {MAX_PIXELS + 1}: at most {MAX_PIXELS}, what can be decoded"),
        ({"max_files": 9, "max_queue": 8}, "max_files = 9: at most 8, max_queue"),
        ({"max_body": 11, "max_memory": 10}, "max_body = 11: at most 10, max_memory"),
        ({"token": ""}, "must not be empty"),
        ({"token": "two words"}, "may hold letters"),
        ({"token": "é"}, "may hold letters"),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, float | str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(**values)  # type: ignore[arg-type]
    assert said in str(refused.value)


def test_a_refused_token_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(token="secret with spaces")
    assert "secret" not in str(refused.value)
