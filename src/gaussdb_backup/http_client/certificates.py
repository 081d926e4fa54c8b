"""Which authorities vouch for a server: those of ``requests``, or a bundle of the environment."""

from pathlib import Path
from ssl import SSLContext

from urllib3.util.ssl_ import create_urllib3_context

from gaussdb_backup.errors import ConfigurationError


class UnreadableBundle(OSError):
    """The bundle of authorities that the environment names cannot be read."""


def own_context(authorities: Path) -> SSLContext:
    """What verifies a server, by the authorities that ``requests`` brings along.

    Args:
        authorities: a bundle, or in the built artifact a hashed directory.

    Raises:
        ConfigurationError: there is no authority to trust.
    """
    context = create_urllib3_context()
    if not authorities.is_dir():
        try:
            context.load_verify_locations(authorities)
        except OSError as error:  # SSLError is one: the file holds no certificate
            raise ConfigurationError(
                f"the trusted authorities cannot be read from {authorities}: {error}"
            ) from error
    elif any(authorities.iterdir()):
        # OpenSSL opens a file here when a server's chain names it; reading a bundle of 117
        # took 190 million instructions, a fifth of a cold start
        context.load_verify_locations(capath=authorities)
    else:
        raise ConfigurationError(f"the trusted authorities are missing from {authorities}")
    return context


def environment_context(bundle: str) -> SSLContext:
    """What verifies a server by a bundle or a hashed directory that the environment names.

    Raises:
        UnreadableBundle: there is none at this path, or none that can be used.
    """
    context = create_urllib3_context()
    try:
        if Path(bundle).is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(bundle)
    except OSError as error:  # SSLError is one
        raise UnreadableBundle(f"the CA bundle {bundle} cannot be read") from error
    return context
