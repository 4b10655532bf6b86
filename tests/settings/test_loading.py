"""A file to settings: what must load, and what each mistake is told."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mailvane.core.errors import SettingsError
from mailvane.core.server import Local, Recorded, Service, Ssh
from mailvane.settings import default_settings, load, schema

DESIGN = """\
servers:
  - name: mail-va
    role: mail
    hostname: mail-va.tazzi.com
    address: 54.85.183.55
    private_address: 172.26.4.126
    region: us-east-1
    zone: us-east-1a
    instance: {provider: aws-ec2, id: i-066263b31a0fcf46d}
    ssh: {user: ubuntu, key: ~/.ssh/irisx-prod-key.pem}
    services: [postfix, opendkim, dovecot]
    submission_port: 587
delivery:
  database: ${DATABASE_URL}
  table: email_logs
  provider: custom-smtp
cache: {url: "${REDIS_URL}", fresh_for: 60s, refresh_every: 30s}
"""

TEN_MISTAKES = """\
servers:
  - name: Mail VA
    hostname: mail.example.org; reboot
    address: 54.85.183.555
    ssh: {user: ubuntu, prot: 22}
    limits: {queue: {messages: {degraded: 600}}}
    checks: {off: [qeue]}
  - name: second
    hostname: second.example.org
delivery:
  database: postgresql://mail:hunter2@db/mail
cache:
  fresh_for: 10s
checks:
  - name: relay
    command: postconf -h relayhost
    expect: "("
sweeep: {at_once: 5}
"""


def test_the_design_s_configuration_loads_as_it_is_printed(
    settings_of: Any, tmp_path: Path
) -> None:
    """Every value of it is in force, the rest has its default."""
    found = settings_of(DESIGN, DATABASE_URL="postgresql://db/mail", REDIS_URL="redis://cache")
    (server,) = found.servers
    assert (server.name, server.role, server.hostname) == ("mail-va", "mail", "mail-va.tazzi.com")
    assert (server.address, server.private_address) == ("54.85.183.55", "172.26.4.126")
    assert (server.region, server.zone) == ("us-east-1", "us-east-1a")
    assert server.instance_id == "i-066263b31a0fcf46d"
    assert server.reach == Ssh(
        host="54.85.183.55",
        user="ubuntu",
        key=tmp_path / "home/.ssh/irisx-prod-key.pem",
        known_hosts=(
            tmp_path / "state/known_hosts",
            tmp_path / "home/.ssh/known_hosts",
            Path("/etc/ssh/ssh_known_hosts"),
        ),
    )
    assert server.services == (Service("postfix"), Service("opendkim"), Service("dovecot"))
    assert server.submission_port == 587
    assert server.delivery is not None
    assert server.delivery.database.reveal() == "postgresql://db/mail"
    assert server.delivery.provider == "custom-smtp"
    assert found.cache.url is not None
    assert found.cache.url.reveal() == "redis://cache"
    assert [region.id for region in found.regions] == ["us-east-1"]


def test_ten_mistakes_give_ten_messages(told: Any) -> None:
    """One run tells them all, each with its line, its key and what to do."""
    assert told(TEN_MISTAKES) == [
        (
            "2: servers[0].name: expected a name of lower-case letters, digits and dashes, "
            'a letter or digit first, at most 63, found "Mail VA"'
        ),
        (
            "3: servers[0].hostname: expected a host name such as mail.example.org (letters, digits, "
            'dashes and dots), or an IP address, found "mail.example.org; reboot"'
        ),
        '4: servers[0].address: expected an IP address such as 192.0.2.10, found "54.85.183.555"',
        '5: servers[0].ssh.prot: unknown key; did you mean "port"?',
        (
            "6: servers[0].limits.queue.messages: more is worse here, so degraded must not be more "
            "than unhealthy; in force is degraded 600, unhealthy 500"
        ),
        '7: servers[0].checks.off[0]: unknown check "qeue"; did you mean "queue"?',
        (
            "8: servers[1]: nothing says how this server is reached; write `ssh: {user: NAME}`, "
            "`transport: local` or `recorded: FOLDER`"
        ),
        (
            "11: delivery.database: a password must not stand in this file; write ${NAME} and set NAME "
            "in the environment, or `!file path` for the URL or its password"
        ),
        (
            "13: cache.fresh_for: expected fresh_for to be at least refresh_every, found 10 s and "
            "30 s; a report would be stale before the next one"
        ),
        '17: checks[0].expect: expected a regular expression as Python knows them, found "("',
        '18: sweeep: unknown key; did you mean "sweep"?',
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "servers:\n", "servers: []\n", "{}"])
def test_an_empty_file_is_a_configuration(settings_of: Any, tmp_path: Path, text: str) -> None:
    """No servers, and the default of everything else."""
    found = settings_of(text)
    assert found.servers == ()
    assert (found.cache.url, found.cache.fresh_for_seconds) == (None, 60)
    assert (found.api.host, found.api.port) == ("127.0.0.1", 8025)
    assert found.store.reveal() == f"sqlite:///{tmp_path}/state/mailvane.db"
    assert found.api.doorway.platform is None
    assert found.warnings == ()


@pytest.mark.parametrize("text", ["5", "- a", "servers: 5", "servers: {a: 1}", "checks: x"])
def test_the_wrong_kind_of_thing_is_said(told: Any, text: str) -> None:
    """A text or list where a mapping belongs, and the other way round."""
    (problem,) = told(text)
    assert ": expected a " in problem
    assert ", found a " in problem


def test_several_ways_to_be_reached(settings_of: Any, tmp_path: Path) -> None:
    """Local, recorded, and OpenSSH's configuration alone."""
    found = settings_of("""
        servers:
          - {name: here, hostname: here.example.org, transport: local}
          - {name: then, hostname: then.example.org, recorded: answers}
          - name: there
            hostname: there.example.org
            ssh:
          - {name: alias, hostname: a.example.org, address: 192.0.2.1, ssh: {host: my_mail}}
    """)
    here, then, there, alias = (server.reach for server in found.servers)
    assert here == Local()
    assert then == Recorded(tmp_path / "answers")
    assert isinstance(there, Ssh)
    assert (there.host, there.user, there.port, there.key) == (
        "there.example.org",
        None,
        None,
        None,
    )
    assert isinstance(alias, Ssh)
    assert alias.host == "my_mail"


def test_a_missing_file_is_a_settings_error(tmp_path: Path) -> None:
    """So is a folder and one that is no text; nothing else is raised."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, says in (
        (tmp_path / "missing", "No such file or directory"),
        (tmp_path, "not a regular file"),
        (tmp_path / "binary", "not a UTF-8 text (line 1)"),
    ):
        with pytest.raises(SettingsError) as caught:
            load(path, {}, {})
        assert str(caught.value) == f"{path}: cannot read the configuration: {says}"


def test_a_text_that_is_no_yaml_is_told_with_line_and_column(told: Any) -> None:
    """Nothing else can be said about it."""
    assert told("a: 1\nb: c: d\n") == [
        (
            "2: column 5: a `:` stands where none may; indent the line like the one above it, "
            "or put the text in quotes"
        )
    ]


def test_a_required_key_says_what_belongs_there(told: Any) -> None:
    """A server without a name and a hostname is told both."""
    assert told("servers: [{transport: local}]") == [
        (
            "1: servers[0].hostname: missing; expected a host name such as mail.example.org (letters, "
            "digits, dashes and dots), or an IP address"
        ),
        (
            "1: servers[0].name: missing; expected a name of lower-case letters, digits and dashes, "
            "a letter or digit first, at most 63"
        ),
    ]


def test_a_missing_variable_is_told_once(told: Any) -> None:
    """Not also as a value that is missing."""
    (problem,) = told("delivery: {database: '${NOPE}'}")
    assert problem.startswith("1: delivery.database: the environment has no NOPE;")


def test_a_mistake_behind_an_alias_is_told_where_it_stands(told: Any) -> None:
    """The key is the one in question, the line that of the anchor's text."""
    problems = told(
        "defaults:\n  ssh: &x\n    prot: 1\nservers:\n  - {name: a, hostname: b, ssh: *x}"
    )
    assert [problem.partition(": unknown")[0] for problem in problems] == [
        "3: defaults.ssh.prot",
        "3: servers[0].ssh.prot",
    ]


def test_a_value_from_outside_is_not_shown(told: Any) -> None:
    """Neither one that does not fit nor one that is unknown somewhere else."""
    problems = told(
        """
        servers:
          - name: ${S}
            hostname: ${S}
            ssh: {user: "${S}", port: "${S}"}
            services: ["${S}", "${S}"]
            limits: {queue: {messages: {degraded: "${S}"}}}
            checks: {off: ["${N}"]}
        checks:
          - {name: x, command: "y", expect: "(${S}", servers: ["${N}"], timeout: "${S}"}
        cache: {url: "${S}", fresh_for: "${S}"}
        store: {url: "redis://${S}"}
        auth: {platform: {jwks: "http://${S}", roles: {a: "${S}"}}}
        api: {listen: "${S}", origins: ["${S}"]}
        log: {level: "${S}"}
        """,
        S="hunter2 hunter2",
        N="hunter2",
    )
    assert len(problems) == 19
    assert "hunter2" not in "\n".join(problems)


def test_errors_carry_no_secret_into_a_traceback(config: Any) -> None:
    """The error has no cause and no context that would hold what was read."""
    path = config("cache: {url: 'redis://:hunter2@cache'}\nlog: {level: '${X}'}")
    with pytest.raises(SettingsError) as caught:
        load(path, {"X": "hunter2"}, {})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "hunter2" not in repr(caught.value)


def test_ten_thousand_servers_load(config: Any) -> None:
    """In the order of the file, and with garbage collection as it was."""
    entry = "  - {{name: s{0}, hostname: s{0}.example.org, region: r, ssh: {{user: m}}}}\n"
    path = config("servers:\n" + "".join(entry.format(at) for at in range(10_000)))
    found = load(path, {}, {})
    assert [server.name for server in found.servers] == [f"s{at}" for at in range(10_000)]
    assert gc.isenabled()


def test_more_servers_than_can_be_swept_are_refused(told: Any) -> None:
    """The limit is told."""
    entries = (f"- {{name: s{at}, hostname: h}}\n" for at in range(20_001))
    text = "defaults: {ssh: {user: a}}\nservers:\n" + "".join(entries)
    assert told(text) == ["2: servers: expected at most 20,000 servers, found 20,001"]


def test_without_a_file_this_machine_is_watched(tmp_path: Path) -> None:
    """Over no network, as a mail server with the services that are found."""
    found = default_settings({}, tmp_path, "Mail_01.Example.ORG")
    (server,) = found.servers
    assert (server.name, server.hostname) == ("mail-01", "mail-01.example.org")
    assert (server.role, server.reach, server.services, server.region) == (
        "mail",
        Local(),
        None,
        None,
    )
    assert found.source is None
    assert found.store.reveal() == f"sqlite:///{tmp_path}/mailvane.db"


@pytest.mark.parametrize("hostname", ["", "...", "-", "ünï", "a" * 300, "x" * 70 + "." + "y" * 70])
def test_any_hostname_makes_a_server(config: Any, tmp_path: Path, hostname: str) -> None:
    """Whatever the machine is called, its entry would be taken in a file as well."""
    (server,) = default_settings({}, tmp_path, hostname or "_").servers
    text = f"servers: [{{name: {server.name}, hostname: {server.hostname}, transport: local}}]"
    assert load(config(text), {}, {}).servers[0].name == server.name


def test_this_machine_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Without a given one."""
    assert default_settings({}, tmp_path).servers[0].name


def _values(part: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that resemble what the schema's part expects, some of them anything at all."""
    part = _DEFINITIONS[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    if "properties" in part:
        fields = {key: _values(value) for key, value in part["properties"].items()}
        return st.fixed_dictionaries({}, optional={k: v | _ANYTHING for k, v in fields.items()})
    if "anyOf" in part:
        return st.one_of([_values(choice) for choice in part["anyOf"]])
    if part.get("type") == "array":
        return st.lists(_values(part["items"]), max_size=3)
    if isinstance(part.get("additionalProperties"), dict):
        return st.dictionaries(_WORDS, _values(part["additionalProperties"]), max_size=3)
    return st.sampled_from(part["enum"]) if "enum" in part else _WORDS | st.text(max_size=9)


_SCHEMA = schema()
_DEFINITIONS = _SCHEMA["$defs"]
_SAID = (
    "a b queue messages mail postfix 587 60s off 127.0.0.1:80 ::1 fe80::1%x ${X} ${Y} $${ ${ ( [a "
    "local ~ / /x sqlite:///x postgresql://u:p@h/d redis://h:99999 https://h/k http://[::1 "
    "http://[ redis://[x 1e999 -1 HS256 RS256 admin i-066263b31a0fcf46d << 10.0.0.0/8"
)
_WORDS = st.sampled_from(_SAID.split())
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=8,
)
_QUICK = hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], None]:
    """Loads a content; passes when it loads or SettingsError says why not, without the secret."""
    path = tmp_path_factory.mktemp("attempts") / "mailvane.yaml"

    def loads(content: bytes) -> None:
        path.write_bytes(content)
        said = ""
        try:
            load(path, {"X": "canary-canary-canary"}, {"queue": {}}, path.parent)
        except SettingsError as error:
            said = str(error)
        assert "canary" not in said

    return loads


@_QUICK
@given(content=st.binary() | st.text().map(lambda text: text.encode(errors="surrogatepass")))
def test_no_content_breaks_it(attempt: Callable[[bytes], None], content: bytes) -> None:
    """Any bytes and any text load, or are a SettingsError."""
    attempt(content)


@_QUICK
@given(text=st.text(alphabet="as: -\n\t[]{}&*!'\"|>%@`#,?<$\\~"))
def test_no_yaml_breaks_it(attempt: Callable[[bytes], None], text: str) -> None:
    """Any heap of YAML's own signs loads, or is a SettingsError."""
    attempt(text.encode())


@_QUICK
@given(document=_values(_SCHEMA))
def test_no_configuration_breaks_it(attempt: Callable[[bytes], None], document: Any) -> None:
    """Anything that resembles a configuration loads, or is a SettingsError without secrets."""
    attempt(yaml.safe_dump(document, allow_unicode=True).encode(errors="surrogatepass"))
