"""A server is written into a text; everything else stays as it is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mailvane.core.errors import SettingsError
from mailvane.settings import append_server

NEW = {"name": "new", "hostname": "new.example.org", "ssh": {"user": "m", "key": Path("~/.ssh/k")}}
ENTRY = "- name: new\n  hostname: new.example.org\n  ssh: {user: m, key: ~/.ssh/k}\n"
TWO = "  " + ENTRY.replace("\n ", "\n   ")


def refused(text: str, server: dict[str, Any] | None = None) -> str:
    """Why the server cannot be added."""
    with pytest.raises(SettingsError) as caught:
        append_server(text, server or NEW)
    return str(caught.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"servers:\n{TWO}"),
        ("# mine\n", f"# mine\nservers:\n{TWO}"),
        ("log: {level: info}", f"log: {{level: info}}\nservers:\n{TWO}"),
        ("servers:\n", f"servers:\n{TWO}"),
        ("servers: # mine\nlog:\n", f"servers: # mine\n{TWO}log:\n"),
        ("servers: []\nlog:\n", f"servers:\n{TWO}log:\n"),
        ("servers: ~ # mine\n", f"servers: # mine\n{TWO}"),
        ("servers: [\n]\nlog:\n", f"servers:\n{TWO}log:\n"),
    ],
)
def test_the_first_server_is_added(before: str, after: str) -> None:
    """Where there was no file, no key, nothing under it, or an empty list."""
    assert append_server(before, NEW) == after


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("servers:\n  - name: a # one\n    hostname: a\n", ""),
        ("servers:\n  - {name: a}", ""),
        ("servers:\n  - name: a\n", "\n# the cache\ncache:\n  fresh_for: 60s\n"),
        ("servers:\n  - name: a\n    # of a\n      # as well\n", "  # of none\ncache:\n"),
        ("x: 1\nservers:\n  - name: a\n    log:\n      files:\n        - /a\n", "\n\nlog:\n"),
        ("servers:\n  - {name: a,\n     hostname: a}\n", "log:\n"),
        ("servers:\n  - name: >\n      a\n      b\n", "log:\n"),
        ("servers:\n  - name: 'a\n\n      b'\n", "log:\n"),
        ("servers:\n  - name: é\n  - name:\n", "log: ü\n"),
        ("---\nservers:\n  - name: a\n", "...\n"),
    ],
)
def test_a_server_is_added_behind_the_last(before: str, behind: str) -> None:
    """Comments within the last server stay with it, those behind stay behind."""
    ended = before if before.endswith("\n") else before + "\n"
    assert append_server(before + behind, NEW) == ended + TWO + behind


def test_the_list_s_own_indentation_is_kept() -> None:
    """Items in the column of their key, or far to the right."""
    assert (
        append_server("servers:\n- name: a\nlog:\n", NEW) == f"servers:\n- name: a\n{ENTRY}log:\n"
    )
    far = append_server("servers:\n      - name: a\n", NEW)
    assert far.splitlines()[2:4] == ["      - name: new", "        hostname: new.example.org"]


def test_a_list_in_brackets_stays_one() -> None:
    """With and without a comma at its end."""
    item = "{name: new, hostname: new.example.org, ssh: {user: m, key: ~/.ssh/k}}"
    assert (
        append_server("servers: [{name: a}] # x\n", NEW) == f"servers: [{{name: a}}, {item}] # x\n"
    )
    assert append_server("servers: [{name: a},]\n", NEW) == f"servers: [{{name: a}}, {item}]\n"


def test_windows_line_ends_are_kept() -> None:
    """No line has another end than the rest."""
    added = append_server("servers:\r\n  - name: a\r\nlog:\r\n", NEW)
    assert added.count("\r\n") == added.count("\n") == 6
    assert yaml.safe_load(added)["servers"][1]["name"] == "new"


def test_values_are_read_as_they_were_given() -> None:
    """Texts that look like something else, references, lists, numbers; None is left out."""
    server = {
        **NEW,
        "zone": None,
        "region": "no",
        "role": "1e3",
        "submission_port": 2525,
        "services": ["postfix", {"name": "x", "critical": True}],
        "delivery": {"database": "${DATABASE_URL}"},
    }
    found = yaml.safe_load(append_server("", server))["servers"][0]
    assert found == {
        **{key: value for key, value in server.items() if value is not None},
        "ssh": {"user": "m", "key": "~/.ssh/k"},
    }


def test_a_name_is_taken_once() -> None:
    """The line of the one that has it is told."""
    assert refused("log:\nservers:\n  - {name: a}\n  - {name: new}\n") == (
        'mailvane.yaml:4: servers[1].name: there is a server "new" already; take another name'
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"hostname": "a;b"}, "hostname: expected a host name"),
        ({"ssh": {"prot": 22}}, 'ssh.prot: unknown key; did you mean "port"?'),
        ({"hostname": None}, "hostname: missing; expected a host name"),
    ],
)
def test_what_is_no_server_is_not_added(more: dict[str, Any], says: str) -> None:
    """The same sentences as for a file."""
    assert says in refused("servers:\n", {**NEW, **more})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: b: c", "mailvane.yaml:1: column 5: a `:` stands where none may"),
        ("- a\n", "expected a mapping with keys such as `servers:`"),
        ("servers: {a: 1}\n", "servers: expected a list"),
        ("servers: five\n", "servers: expected a list"),
        ("{log: }", "the whole file stands in { }"),
        (
            "a: &a\n  - name: a\nservers: *a\n",
            "cannot be added here without changing something else",
        ),
        ("servers: [{name: a} # x\n]\n", "cannot be added here without changing something else"),
        ("log:\n...\n", "cannot be added here"),
    ],
)
def test_what_cannot_be_added_to_is_left_alone(text: str, says: str) -> None:
    """With the reason, and what to do."""
    assert says in refused(text)
