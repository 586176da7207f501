"""create_api_key: make, list and revoke the keys of programs that use the API."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from runs.management.edge import EdgeCommand, positive_float


class Command(EdgeCommand):
    help = """\
Makes a key for a program that uses the API, and prints it: once, for it is kept as a digest only.
The key is all that is written to stdout, so that a script can take it.

Scopes: read (look at everything), run (make, change, execute and cancel runs), approve (answer
approvals), admin (all of it, and projects). run and approve contain read.

Exit code: 0 when it was done, 1 when it was refused, 2 no such key."""
    examples = """\
examples:
  manage.py create_api_key --name laptop
  manage.py create_api_key --name ci --scopes read,run --expires-days 90
  manage.py create_api_key --list
  manage.py create_api_key --revoke k3v9x2ab              (its prefix, as --list shows it)

  export AUTOPACK_API_KEY=$(manage.py create_api_key --name me)
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--name", help="Make a key for this program or person.")
        what.add_argument("--list", action="store_true", help="Show the keys there are.")
        what.add_argument("--revoke", metavar="PREFIX", help="Close a key for good.")
        parser.add_argument(
            "--scopes",
            default="read,run",
            metavar="A,B",
            help="Of read, run, approve, admin (default: %(default)s).",
        )
        parser.add_argument(
            "--expires-days", type=positive_float, metavar="N", help="Default: it does not expire."
        )

    def act(self, options: dict[str, Any]) -> None:
        if options["list"]:
            self._list()
        elif options["revoke"] is not None:
            self._revoke(options["revoke"])
        else:
            self._create(options)

    def _create(self, options: dict[str, Any]) -> None:
        import psutil

        from runs.api_keys import KeyInvalid, api_key_create

        scopes = [name.strip().lower() for name in options["scopes"].split(",") if name.strip()]
        try:
            row, key = api_key_create(
                name=options["name"],
                scopes=scopes,
                expires_days=options["expires_days"],
                created_by=psutil.Process().username(),
            )
        except KeyInvalid as invalid:
            raise CommandError(str(invalid)) from invalid
        until = f"until {row.expires_at:%Y-%m-%d %H:%M} UTC" if row.expires_at else "for good"
        self.stderr.write(
            f"A key for {row.name} ({', '.join(row.scopes)}), {until}. Keep it: it is not shown "
            f"again. To close it: manage.py create_api_key --revoke {row.prefix}"
        )
        self.say(key)

    def _list(self) -> None:
        from runs.models import ApiKey

        keys = list(ApiKey.objects.order_by("pk"))
        for key in keys:
            used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
            state = "revoked" if key.revoked_at else "open"
            until = f", until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else ""
            self.say(
                f"{key.prefix}: {key.name}: {','.join(key.scopes)}: {state}{until}, "
                f"last used {used}"
            )
        if not keys:
            self.say("There is no key. Make one: manage.py create_api_key --name NAME")

    def _revoke(self, prefix: str) -> None:
        from runs.api_keys import api_key_revoke

        if not api_key_revoke(prefix):
            raise CommandError(
                f"There is no open key {prefix!r}; --list shows the prefixes.", returncode=2
            )
        self.say(f"Key {prefix} is revoked.")
