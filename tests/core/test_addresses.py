"""An address is known from a path, and shows nothing that it should not."""

import pytest

from graft.core.addresses import has_secret, is_remote, masked, shown


@pytest.mark.parametrize(
    ("uri", "without", "secret"),
    [
        ("https://me:secret@a.org/b?c=:d@e", "https://a.org/b", True),
        ("https://token@a.org/b", "https://a.org/b", True),
        ("https://a.org/b.zip?X-Amz-Signature=12&X-Amz-Date=3#top", "https://a.org/b.zip", True),
        ("https://a.org:80/b?download=1", "https://a.org:80/b", False),
        ("https://me:se@cret@[::1/a", "https://[::1/a", True),
        ("s3://bucket/a@b.zip", "s3://bucket/a@b.zip", False),
        ("package://elpv_dataset/data", "package://elpv_dataset/data", False),
        ("/home/me/what? #1/token@x", "/home/me/what? #1/token@x", False),
    ],
)
def test_neither_login_nor_signature_is_shown(uri: str, without: str, secret: bool) -> None:
    assert (shown(uri), has_secret(uri)) == (without, secret)


def test_what_tells_addresses_apart_is_kept_but_for_the_password() -> None:
    assert masked("https://me:secret@a.org/b?id=1") == "https://me:***@a.org/b?id=1"
    assert masked("https://a.org:80/b") == "https://a.org:80/b"


@pytest.mark.parametrize(
    ("uri", "remote"),
    [
        ("https://a.org/b.zip", True),
        ("HTTP://a.org/b.zip", True),
        ("s3://bucket/b.zip", True),
        ("hf://datasets/a/b", True),
        ("package://a/b", False),
        ("file:///a", False),
        ("a/b", False),
        ("C:/a", False),
        ("a b://c", False),
    ],
)
def test_an_address_is_told_from_a_path(uri: str, remote: bool) -> None:
    assert is_remote(uri) is remote
