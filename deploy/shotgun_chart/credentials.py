"""Where secrets are: names of Secrets, never secrets."""

from __future__ import annotations

from pydantic import Field

from shotgun_chart.parts import Part


class ShotgunCredentials(Part):
    """Key of the script user."""

    secret: str = ""
    """Name of the Secret with the key of the script user (`config.shotgun.script_name`)."""
    key: str = "api-key"
    """The key in that Secret."""


class SaslCredentials(Part):
    """Login for `security.protocol` SASL_PLAINTEXT or SASL_SSL."""

    secret: str = ""
    """Name of the Secret with the password."""
    username_key: str = ""
    """Key of the name in that Secret; empty: the name is `sasl.username` in `config.kafka.properties`."""
    password_key: str = "password"
    """Key of the password in that Secret."""


class TlsCredentials(Part):
    """Certificates for `security.protocol` SSL or SASL_SSL."""

    ca_secret: str = ""
    """Name of the Secret with the brokers' certificate authorities; without it and `caConfigMap`: the image's."""
    ca_config_map: str = ""
    """Name of the ConfigMap with them, instead."""
    ca_key: str = "ca.crt"
    """The key in it."""
    client_secret: str = ""
    """Name of the Secret with the client's certificate, where the brokers ask for one."""
    cert_key: str = "tls.crt"
    """Key of the certificate in that Secret."""
    key_key: str = "tls.key"
    """Key of the certificate's key in that Secret."""
    key_password_key: str = ""
    """Key of the password of that key; empty: it has none."""


class KafkaCredentials(Part):
    """Login and certificates for Kafka."""

    sasl: SaslCredentials = Field(default=SaslCredentials())
    """Login with name and password."""
    tls: TlsCredentials = Field(default=TlsCredentials())
    """Certificates."""


class ProxyCredentials(Part):
    """Address of `config.shotgun.http_proxy`, where it holds a login."""

    secret: str = ""
    """Name of the Secret with the address, `name:password@host:port`; without a login it stands in `config`."""
    key: str = "http-proxy"
    """The key in that Secret."""


class MailCredentials(Part):
    """Password of `config.logging.email`."""

    secret: str = ""
    """Name of the Secret with the password of the mail server."""
    key: str = "password"
    """The key in that Secret."""


class Credentials(Part):
    """Where secrets are, each by the name of a Secret in the release's namespace and the keys in it."""

    shotgun: ShotgunCredentials = ShotgunCredentials()
    """Login to the site."""
    kafka: KafkaCredentials = KafkaCredentials()
    """Login to Kafka."""
    proxy: ProxyCredentials = ProxyCredentials()
    """Address of the proxy for the site, where it holds a login."""
    mail: MailCredentials = MailCredentials()
    """Login to the mail server."""
