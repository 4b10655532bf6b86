"""docs/reference/cli.md says what the commands say."""

from pathlib import Path

from typer.main import get_command

from mailvane.cli import app
from mailvane.cli.reference import commands, reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
EVERYTHING = dict(commands(get_command(app), ("mailvane",)))


def test_the_page_is_fresh() -> None:
    """The page in docs/ is the one that the commands make now; `make docs` writes it anew."""
    assert PAGE.read_text() == reference()


def test_every_command_and_option_is_on_the_page() -> None:
    """Each command has its heading, and below it each of its arguments and options."""
    sections = reference().split("\n## ")
    for words, command in EVERYTHING.items():
        (section,) = (part for part in sections if part.startswith(f"`{' '.join(words)}`\n"))
        for param in command.params:
            for name in param.opts if param.param_type_name == "option" else [param.metavar]:
                assert name in section or name == "--help", (words, name)


def test_everything_says_what_it_is_for() -> None:
    """No command, argument or option is without its sentence."""
    silent = [words for words, command in EVERYTHING.items() if not command.help]
    silent += [
        (*words, param.name)
        for words, command in EVERYTHING.items()
        for param in command.params
        if not param.help
    ]
    assert silent == []


def test_the_commands_are_those_of_the_design() -> None:
    """Nothing that administrators were promised is missing."""
    assert {" ".join(words[1:]) for words in EVERYTHING} >= {
        *("serve", "check", "add", "doctor", "explain", "access"),
        *("config check", "config schema", "config show"),
        *("user add", "user list", "user remove", "user password", "user role"),
        *("token create", "token list", "token revoke"),
    }
