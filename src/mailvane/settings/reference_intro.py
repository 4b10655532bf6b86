"""What stands above the keys on the reference page."""

INTRO = """\
<!-- Made from the code by `make docs`; change it there. -->

# Configuration

One YAML file. Mailvane reads the first of these that is given:
`--config FILE`, the file that `MAILVANE_CONFIG` names, `./mailvane.yaml`, `/etc/mailvane/mailvane.yaml`.
Without any it watches the machine that it runs on.
Every key but a server's `name` and `hostname` has a default, so a file can be short:

```yaml
servers:
  - name: mail
    hostname: mail.example.org
    ssh: {user: mailvane, key: ~/.ssh/mailvane}
```

`examples/minimal.yaml` is one to begin with, `examples/irisx.yaml` describes a whole platform.

`mailvane config check` tells all that is wrong at once, each with file, line and key.
A running `mailvane serve` takes the changed file on SIGHUP, and keeps the old one when the new one is wrong.
`mailvane config schema` prints a JSON Schema for editors; kept as `mailvane.schema.json` it is named in the first line:
`# yaml-language-server: $schema=./mailvane.schema.json`.

## How values are written

**Secrets never stand in the file.**
`${NAME}` is filled in from the environment, also within a longer text; a name that the environment lacks is an error.
`!file path` is the content of a file without the newline at its end.
A password in a URL must come in one of these two ways; a URL without a password may be written out.
A `${` that is meant as such is written `$${`.
Between `{` and `}` YAML wants quotes around it: `{url: "${REDIS_URL}"}`.
Special characters of a password within a URL are percent-encoded, as in every URL.

**Durations** are `500ms`, `90s`, `5m`, `2h`, `1d` or `1h30m`; a bare number is seconds.

**Paths** that are relative begin at the configuration's own folder; `~` is the home folder of who runs Mailvane.
Paths on a watched server are absolute.

**No value** (`key:` with nothing behind it, `~` or `null`) is the same as leaving the key out;
only `ssh:` says something even so.

**Words are not guessed at**: `no`, `on` or `1:30` stay what they are where a text is expected.

**Unknown keys and keys given twice are errors.**
Anchors, aliases and `<<` work; a file may have 32 MiB, 32 levels and 2,000,000 values, aliases written out.

## The state folder

What Mailvane itself writes (its database, the host keys that it has pinned) lies in a folder that nobody else can read
(mode 0700): `--state FOLDER`, else what `MAILVANE_STATE` names, else `/var/lib/mailvane` for root and
`$XDG_STATE_HOME/mailvane` (`~/.local/state/mailvane`) for everyone else.
"""
