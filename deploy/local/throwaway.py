"""Throw-away keys and certificates for the local exchange. Used by stack.py; made anew each time, never reused."""

import base64
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ApiKey:
    key_file: Path
    secret_file: Path

    def replace_by(self, other):
        """The files now hold the other pair, each replaced at one stroke."""
        for mine, its in ((self.key_file, other.key_file), (self.secret_file, other.secret_file)):
            fresh = mine.with_suffix(mine.suffix + ".fresh")
            write_secret(fresh, its.read_text().strip()).rename(mine)

    @property
    def flags(self):
        return {"api_key_file": self.key_file, "api_secret_file": self.secret_file}


@dataclass(frozen=True)
class Certificate:
    cert_file: Path
    key_file: Path


def write_secret(path, text):
    path.touch(mode=0o600)
    path.write_text(text + "\n")
    return path


def make_api_key(folder, name="api"):
    """A key pair as the exchange hands them out: the secret is the base64 of random bytes."""
    return ApiKey(write_secret(folder / f"{name}.key", secrets.token_hex(16)),
                  write_secret(folder / f"{name}.secret", base64.b64encode(secrets.token_bytes(32)).decode()))


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def self_signed(folder, name="alone", host="IP:127.0.0.1"):
    """A server certificate that no authority vouches for."""
    certificate = Certificate(folder / f"{name}.pem", folder / f"{name}-key.pem")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", certificate.key_file, "-out", certificate.cert_file,
            "-addext", f"subjectAltName={host}")
    return certificate


class Authority:
    """A certificate authority that lives as long as its folder. Clients trust `cert_file`."""

    def __init__(self, folder, name="ca"):
        self.folder = folder
        self.cert_file = folder / f"{name}.pem"
        self._key_file = folder / f"{name}-key.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN=cancelbus throw-away {name}", "-keyout", self._key_file, "-out", self.cert_file,
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name="exchange", hosts=("IP:127.0.0.1", "IP:::1", "DNS:localhost"), days=2, usage="serverAuth"):
        """A server certificate, or with usage="clientAuth" a client's, for these subject alternative names; with days=-1 it has expired yesterday."""
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        certificate = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        extensions.write_text(f"subjectAltName={','.join(hosts)}\nextendedKeyUsage={usage}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", certificate.key_file, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.cert_file, "-CAkey", self._key_file, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", certificate.cert_file)
        return certificate
