"""The commands: ``portal …``.

They work without an HTTP server, on the same services that the pages and the
endpoint use, and end with status 0 only when they did what they say.
"""

import click

from portal.cli.book import ledger, settle
from portal.cli.database import db
from portal.cli.demonstration import demonstrate
from portal.cli.doctor import doctor
from portal.cli.edge import PlainGroup
from portal.cli.files import imports, program
from portal.cli.keys import api_key
from portal.cli.rewards import reward, voucher
from portal.cli.serving import serve, worker


@click.group(cls=PlainGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="portal", prog_name="portal")
def main() -> None:
    """A loyalty member portal: serve it, look after it, and bring data into it."""


for command in (
    serve,
    worker,
    demonstrate,
    doctor,
    db,
    program,
    reward,
    voucher,
    ledger,
    settle,
    imports,
    api_key,
):
    main.add_command(command)
