"""What Postfix is configured to do, asked in one question for all checks that need to know.

The values change when somebody edits main.cf, so that an answer is good for ten minutes.
"""

from collections.abc import Mapping

from mailvane.core.request import ShellCommand
from mailvane.core.response import Answers, Unanswered

COMMAND = ShellCommand(
    "postconf authorized_mailq_users message_size_limit milter_default_action non_smtpd_milters"
    " queue_directory queue_minfree smtpd_milters",
    output_limit_bytes=32_768,
    keep_seconds=600,
)
QUEUE_DIRECTORY = "/var/spool/postfix"


def settings(answers: Answers) -> Mapping[str, str]:
    """Postfix's settings by name; none where it does not tell or is not there."""
    response = answers.get(COMMAND)
    if isinstance(response, Unanswered):
        return {}
    lines = response.value.output.decode(errors="replace").splitlines()
    pairs = (line.partition(" =") for line in lines)
    return {name: value.strip() for name, found, value in pairs if found}


def queue_directory(postconf: Mapping[str, str]) -> str:
    """Where the queue is: Postfix's default unless it says otherwise."""
    return postconf.get("queue_directory") or QUEUE_DIRECTORY
