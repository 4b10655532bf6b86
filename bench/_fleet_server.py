"""An SSH server that answers as a recorded mail host does, for any user name, and its submission port with STARTTLS.

It reads the frames of `mailvane.transports.script` and answers each script with what was recorded for it, so that
the client has the same to read and to judge as from a real host, and this side costs as little as it can.
Prints the two ports and waits until it is ended.
"""

import argparse
import asyncio
import json
import re
import shlex
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh
import uvloop

NONCE = re.compile(r"\A(?:(?!_mv_nonce=).*\n)*?_mv_nonce=([0-9a-f]+)\n((?:_mv .*\n?)(?:.*\n)*)")
PING = re.compile(r"\Aprintf '\\n%s 0\\n' ([0-9a-f]+)\n")
Answer = tuple[int, bytes, bytes]


class Recording:
    """What a real host answered, by script."""

    def __init__(self, folder: Path) -> None:
        entries = json.loads((folder / "answers.json").read_text())
        self._answers = {
            _text(entry["ask"]): _answer(entry["answer"])
            for entry in entries
            if entry["request"] == "ShellCommand" and "answer" in entry
        }
        self._frames: dict[str, list[Answer]] = {}

    def frame(self, calls: str) -> list[Answer] | None:
        """The answers to the calls of a frame; None while its text is not complete."""
        if calls not in self._frames:
            try:
                words = shlex.split(calls)
            except ValueError:
                return None
            self._frames[calls] = [self._one(script) for script in words[2::3]]
        return self._frames[calls]

    def _one(self, script: str) -> Answer:
        if script.startswith('echo "$$'):
            return 0, b"4242 1000\n", b""
        if script in self._answers:
            return self._answers[script]
        start = script[:60]
        return next((a for s, a in self._answers.items() if s.startswith(start)), (0, b"", b""))


def _text(said: str | list[str]) -> str:
    return said if isinstance(said, str) else "\n".join(said)


def _answer(said: dict[str, object]) -> Answer:
    output, error = (_text(said[k].get("text", "")) for k in ("output", "error"))  # type: ignore[attr-defined]
    return int(str(said["status"])), output.encode(), error.encode()


class Shell(asyncssh.SSHServerSession[bytes]):
    """One `sh` that only plays one."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._pending = ""

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        return command.endswith("/bin/sh")

    def data_received(self, data: bytes, datatype: int | None) -> None:
        del datatype
        self._pending += data.decode()
        if ping := PING.match(self._pending):
            self._pending = ""
            self._channel.write(f"\n{ping[1]} 0\n".encode())
            return
        frame = NONCE.match(self._pending)
        answers = self._recording.frame(frame[2]) if frame else None
        if not frame or answers is None:
            return
        self._pending = ""
        self._channel.write(b"".join(o + f"\n{frame[1]} {s}\n".encode() for s, o, _ in answers))
        self._channel.write_stderr(
            b"".join(e + f"\n{frame[1]} {s}\n".encode() for s, _, e in answers)
        )


class Server(asyncssh.SSHServer):
    """Any user name, one key."""

    def __init__(self, recording: Recording, key: asyncssh.SSHKey) -> None:
        self._recording = recording
        self._key = key

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        del username
        return key == self._key

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        return Shell(self._recording)


def submission(context: ssl.SSLContext) -> Callable[..., Awaitable[None]]:
    """A server's side of EHLO, STARTTLS, EHLO, QUIT."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx1.test ESMTP\r\n")
        try:
            while line := await reader.readline():
                verb = line.split()[0].upper() if line.split() else b""
                if verb == b"EHLO":
                    writer.write(b"250-mx1.test\r\n250 STARTTLS\r\n")
                elif verb == b"STARTTLS":
                    writer.write(b"220 ready\r\n")
                    await writer.start_tls(context)
                else:
                    writer.write(b"221 bye\r\n")
                    break
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    return talk


async def serve(args: argparse.Namespace) -> None:
    """Both ports answer, for ever."""
    recording = Recording(args.recording)
    key = asyncssh.read_public_key(args.authorized)
    ssh = await asyncssh.create_server(
        lambda: Server(recording, key),
        "127.0.0.1",
        0,
        server_host_keys=[str(args.host_key)],
        encoding=None,
        line_editor=False,
        backlog=4096,
        kex_algs=["curve25519-sha256"],
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.certificate, args.certificate_key)
    mail = await asyncio.start_server(submission(context), "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"ssh": ssh.get_port(), "mail": mail.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Runs until it is ended."""
    parser = argparse.ArgumentParser()
    for name in ("recording", "authorized", "host-key", "certificate", "certificate-key"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
