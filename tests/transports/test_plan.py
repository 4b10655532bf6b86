"""Settings and the user's OpenSSH configuration, joined."""

from pathlib import Path

import pytest

from mailvane.core.response import Reason, Unanswered
from mailvane.core.server import Ssh
from mailvane.transports.plan import Plan, jump_reach, known_hosts_of, make_plan, stamp


async def planned(tmp_path: Path, config: str, **more: object) -> Plan:
    """The plan for the host `mx` with that configuration."""
    file = tmp_path / "config"
    file.write_text(config)
    said: dict[str, object] = {"host": "mx", "config_files": (file,), **more}
    plan = await make_plan(Ssh(**said))  # type: ignore[arg-type]
    assert isinstance(plan, Plan), plan
    return plan


async def test_the_configuration_is_honoured(tmp_path: Path) -> None:
    """HostName, Port, User and HostKeyAlias of the matching block are taken."""
    plan = await planned(
        tmp_path,
        "Host mx\n HostName 10.0.0.1\n Port 2222\n User ops\n HostKeyAlias pinned\nHost *\n User x\n",
    )
    assert (plan.host, plan.port, plan.user, plan.known_as) == ("10.0.0.1", 2222, "ops", "pinned")


async def test_settings_win_over_the_configuration(tmp_path: Path) -> None:
    """What Mailvane's own settings say is what counts."""
    plan = await planned(tmp_path, "Host mx\n Port 2222\n User ops\n", port=22, user="monitor")
    assert (plan.port, plan.user) == (22, "monitor")


async def test_a_broken_configuration_is_said(tmp_path: Path) -> None:
    """Nothing is connected to by half a configuration."""
    file = tmp_path / "config"
    file.write_text("Host mx\n Port many\n")
    refused = await make_plan(Ssh(host="mx", config_files=(file,)))
    assert isinstance(refused, Unanswered)
    assert refused.reason is Reason.AUTH
    assert "Invalid Port" in refused.detail or "Port" in refused.detail
    assert refused.fix == "ssh -G mx"


async def test_a_configuration_that_is_not_there_is_said(tmp_path: Path) -> None:
    """A file that the settings name must exist."""
    refused = await make_plan(Ssh(host="mx", config_files=(tmp_path / "nowhere",)))
    assert isinstance(refused, Unanswered)


async def test_no_proxy_jump_is_no_jump(tmp_path: Path) -> None:
    """`none` switches off what a later block says."""
    plan = await planned(tmp_path, "Host mx\n ProxyJump none\nHost *\n ProxyJump bastion\n")
    assert plan.jump is None
    assert not plan.by_command


async def test_the_key_is_for_the_jump_host_of_the_settings(tmp_path: Path) -> None:
    """A jump host of the settings gets their key; one of the configuration gets its own there."""
    key = tmp_path / "key"
    ours = await planned(tmp_path, "", key=key, jump="ops@bastion:2200")
    assert ours.jump is not None
    assert (ours.jump.host, ours.jump.port, ours.jump.user, ours.jump.key) == (
        "bastion",
        2200,
        "ops",
        key,
    )
    theirs = await planned(tmp_path, "ProxyJump bastion\n", key=key)
    assert theirs.jump is not None
    assert theirs.jump.key is None


async def test_a_proxy_command_hides_tcp(tmp_path: Path) -> None:
    """Then we cannot see a port being reached."""
    assert (await planned(tmp_path, "ProxyCommand nc %h %p\n")).by_command


@pytest.mark.parametrize(
    ("jump", "host", "port", "user", "before"),
    [
        ("bastion", "bastion", None, None, None),
        ("ops@bastion", "bastion", None, "ops", None),
        ("ops@bastion:2200", "bastion", 2200, "ops", None),
        ("a,b@c:22", "c", 22, "b", "a"),
        ("[::1]:2200", "::1", 2200, None, None),
        ("ops@[::1]", "::1", None, "ops", None),
        ("::1", "::1", None, None, None),
        ("ssh://ops@bastion:22", "bastion", 22, "ops", None),
    ],
)
def test_jump_hosts_are_read_as_openssh_does(
    jump: str, host: str, port: int | None, user: str | None, before: str | None
) -> None:
    """`[user@]host[:port]`, several with commas, the last one nearest to the server."""
    reach = jump_reach(Ssh(host="mx"), jump)
    assert (reach.host, reach.port, reach.user, reach.jump) == (host, port, user, before)


def test_pinned_keys_are_ours_then_the_users() -> None:
    """The settings' files, or ~/.ssh/known_hosts when they name none, then those of the configuration."""
    ours = Ssh(host="mx", known_hosts=(Path("/ours"), Path("/users")))
    assert known_hosts_of(ours, ["/configured", "/ours"]) == [
        Path("/ours"),
        Path("/users"),
        Path("/configured"),
    ]
    assert known_hosts_of(Ssh(host="mx"), None) == [Path("~/.ssh/known_hosts").expanduser()]


async def test_user_known_hosts_file_none_trusts_nobody(tmp_path: Path) -> None:
    """`UserKnownHostsFile none` must not mean that any key will do."""
    plan = await planned(tmp_path, "UserKnownHostsFile none\n", known_hosts=(tmp_path / "no",))
    assert plan.pins().keys == ()


def test_the_stamp_changes_with_each_file_that_decides(tmp_path: Path) -> None:
    """Key, certificate, known hosts and configuration: any change allows a new try."""
    files = {name: tmp_path / name for name in ("key", "key-cert.pub", "known", "config")}
    reach = Ssh(
        host="mx",
        key=files["key"],
        known_hosts=(files["known"],),
        config_files=(files["config"],),
    )
    seen = [stamp(reach)]
    for file in files.values():
        file.write_text("x")
        seen.append(stamp(reach))
    files["known"].write_text("xx")
    seen.append(stamp(reach))
    assert len(set(seen)) == len(seen)
