"""Secrets come from outside, or not at all."""

import pytest

from mailvane.settings.outside import from_outside
from mailvane.settings.shapes.base import Shape, Unfit
from mailvane.settings.shapes.secret import DATABASE, REDIS, TOKEN


@pytest.mark.parametrize("value", ["hunter2", "", "$X", "{X}"])
def test_a_literal_token_is_refused_and_not_shown(value: str) -> None:
    """The message says how to write it."""
    with pytest.raises(Unfit) as caught:
        TOKEN.take(value)
    assert str(caught.value) == (
        "a secret must not stand in this file; "
        "write ${NAME} and set NAME in the environment, or `!file path`"
    )


def test_a_token_from_outside_is_taken() -> None:
    """As a Secret."""
    assert TOKEN.take(from_outside("hunter2", "${X}")).reveal() == "hunter2"


@pytest.mark.parametrize("text", ["", "  ", "x" * 8_193])
def test_an_empty_or_endless_token_is_refused(text: str) -> None:
    """It names where it came from, and shows nothing of it."""
    with pytest.raises(Unfit, match=r"found something else in \$\{X\} \(not shown\)$"):
        TOKEN.take(from_outside(text, "${X}"))


@pytest.mark.parametrize(
    ("shape", "url"),
    [
        (DATABASE, "sqlite:///mail.db"),
        (DATABASE, "sqlite+aiosqlite:////srv/mail.db"),
        (DATABASE, "postgresql://db/mail"),
        (DATABASE, "postgres://reader@db:5432/mail?sslmode=require"),
        (DATABASE, "postgresql+asyncpg://db/mail"),
        (DATABASE, "postgresql:///mail?host=/run/postgresql"),
        (REDIS, "redis://localhost:6379/0"),
        (REDIS, "rediss://user@cache.example.org"),
        (REDIS, "unix:///run/redis/redis.sock"),
        (REDIS, "redis://localhost/0?x=a@b"),
    ],
)
def test_a_url_without_a_password_may_be_written_out(shape: Shape, url: str) -> None:
    """SQLite, PostgreSQL, Redis."""
    assert shape.take(url).reveal() == url


@pytest.mark.parametrize(
    ("shape", "written"),
    [
        (DATABASE, "postgresql://u:hunter2@db/mail"),
        (DATABASE, "postgresql://u:hunter2@${HOST}/mail"),
        (DATABASE, "postgresql://u:hun/ter2@db/mail"),
        (DATABASE, "postgresql://u:hun@ter2@db/mail"),
        (DATABASE, "postgresql://${U}:hunter2@db/mail"),
        (DATABASE, "postgresql://db/mail?password=hunter2"),
        (DATABASE, "postgresql://db/mail?user=u&sslpassword=hunter2"),
        (REDIS, "redis://:hunter2@cache"),
        (REDIS, "redis://cache?password=hunter2"),
        (DATABASE, "mysql://u:hunter2@db/mail"),
    ],
)
def test_a_password_in_the_file_is_refused(shape: Shape, written: str) -> None:
    """Whatever else comes from outside, and wherever in the URL it stands; it is not shown."""
    text = written.replace("${HOST}", "db").replace("${U}", "u")
    value = from_outside(text, written) if "${" in written else written
    with pytest.raises(Unfit, match=r"^a password must not stand in this file; write") as caught:
        shape.take(value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "written",
    [
        "${URL}",
        "!file url",
        "postgresql://u:${PW}@db/mail",
        "postgresql://u:a${PW}b@db/mail",
        "postgresql://db/mail?password=${PW}",
    ],
)
def test_a_password_from_outside_is_taken(written: str) -> None:
    """With the whole URL, or filled into it."""
    url = "postgresql://u:hunter2@db/mail"
    assert DATABASE.take(from_outside(url, written)).reveal() == url


@pytest.mark.parametrize(
    ("shape", "url"),
    [
        (DATABASE, "mysql://db/mail"),
        (DATABASE, "sqlite://mail.db"),
        (DATABASE, "sqlite:///"[:-1]),
        (DATABASE, "postgresql://"),
        (DATABASE, "postgresql://[db/mail"),
        (DATABASE, "postgresql://db:99999/mail"),
        (DATABASE, "postgresql://db/ma il"),
        (DATABASE, "postgresql://db/mail\n"),
        (DATABASE, "db"),
        (REDIS, "http://cache"),
        (REDIS, "redis://"),
        (REDIS, "redis://cache:0"),
        (REDIS, "unix://redis.sock"),
        (REDIS, "redis://u:hun?ter2@cache"),
    ],
)
def test_what_is_no_such_url_is_refused_and_not_shown(shape: Shape, url: str) -> None:
    """Another scheme, no host, an impossible port, blanks."""
    with pytest.raises(
        Unfit, match=r"^expected a URL such as .*, found something else \(not shown\)$"
    ):
        shape.take(url)
