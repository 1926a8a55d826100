"""Receivers on real sockets, well-behaved and not."""

import datetime
import ipaddress
import socket
import ssl
import struct
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Receiver:
    """Listens on a loopback port and hands each connection to a script."""

    def __init__(self, script, context=None):
        self.script = script
        self.context = context
        self.requests = []
        self.connections = 0
        self.release = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def allowed(self):
        return {f"127.0.0.1:{self.port}", f"receiver.example:{self.port}"}

    def _serve(self):
        while True:
            try:
                connection, _address = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        try:
            with connection:
                if self.context:
                    connection = self.context.wrap_socket(connection, server_side=True)
                self.script(self, connection)
        except OSError:
            pass

    def read_request(self, connection):
        """Return one whole request, or None when the other side closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return None
            data += chunk
        head, _blank, body = data.partition(b"\r\n\r\n")
        headers = {}
        for line in head.split(b"\r\n")[1:]:
            name, _colon, value = line.decode().partition(": ")
            headers[name] = value
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65536)
        request = (head.split(b"\r\n")[0].decode(), headers, body)
        self.requests.append(request)
        return request

    def close(self):
        self.release.set()
        self.socket.close()


def answering(*parts):
    """A script that reads one request and sends the parts, then closes."""

    def script(receiver, connection):
        receiver.read_request(connection)
        for part in parts:
            connection.sendall(part)

    return script


def hanging_after(*parts):
    """A script that sends the parts, then neither reads, writes nor closes."""

    def script(receiver, connection):
        receiver.read_request(connection)
        for part in parts:
            connection.sendall(part)
        receiver.release.wait(30)

    return script


def resetting_after(*parts):
    """A script that sends the parts, then resets the connection instead of closing it."""

    def script(receiver, connection):
        answering(*parts)(receiver, connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


def dripping(start, piece=b"x", every=0.05):
    """A script that sends ``start`` and then ``piece`` again and again, slowly, for ever."""

    def script(receiver, connection):
        receiver.read_request(connection)
        connection.sendall(start)
        while not receiver.release.wait(every):
            connection.sendall(piece)

    return script


def flooding(start, piece):
    """A script that sends ``start`` and then ``piece`` as fast as it is taken, for ever."""

    def script(receiver, connection):
        receiver.read_request(connection)
        connection.sendall(start)
        while not receiver.release.is_set():
            connection.sendall(piece)

    return script


class Authority:
    """A certificate authority for the length of a test run."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = self._sign(
            self.name, self.key, (x509.BasicConstraints(ca=True, path_length=None), True), (usage, True)
        )

    def _sign(self, subject, key, *extensions, end=None, alone=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if alone else self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(end or now + datetime.timedelta(days=1))
        )
        # Python 3.13 verifies strictly (RFC 5280): both key identifiers are needed.
        signer = key if alone else self.key
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        subject_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        for extension, critical in (*extensions, (issuer, False), (subject_id, False)):
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(signer, hashes.SHA256())

    def client_context(self):
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server_context(self, *names, addresses=(), end=None, alone=False):
        """``alone``: the certificate is signed by its own key rather than by this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
        certificate = self._sign(subject, key, (x509.SubjectAlternativeName(alternatives), False), end=end, alone=alone)
        path = self.folder / f"{certificate.serial_number}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context
