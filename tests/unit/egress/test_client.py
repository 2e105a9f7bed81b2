"""Calls over real sockets: what leaves, what is refused, and what a hostile receiver can cost."""

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.egress import client
from app.egress.addresses import Refused
from app.egress.client import MOST_BYTES, Egress, Failed
from tests.support.receivers import OK, answer, drip, flood, hang, receiver

LOOPBACK = (ip_network("127.0.0.0/8"),)
BODY = b'{"a":1}'


@pytest.fixture
def quick(monkeypatch):
    """The same bounds, ten times sooner."""
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(client, "TOTAL_SECONDS", 1.0)
    monkeypatch.setattr(client, "BODY_SECONDS", 0.5)


@pytest.fixture
def egress():
    made = Egress(LOOPBACK)
    yield made
    made.close()


def names(*addresses: str):
    """A resolver that knows these addresses for every name."""
    return lambda _host, _port: list(addresses)


def test_a_call_arrives_as_it_was_sent(egress):
    with receiver(lambda _: answer(201, b"made", X_Thing="1")) as there:
        got = egress.post(f"{there.url}?a=b", {"X-Mine": "yes"}, BODY)
    assert (got.status, got.body, got.headers["x-thing"]) == (201, b"made", "1")
    [seen] = there.seen
    assert (seen.line, seen.body) == ("POST /hook?a=b HTTP/1.1", BODY)
    assert seen.headers == {
        "host": f"127.0.0.1:{there.port}",
        "accept-encoding": "identity",
        "content-length": "7",
        "x-mine": "yes",
    }


RESOLUTIONS = [
    ["127.0.0.1"],
    ["::1"],
    ["10.0.0.1"],
    ["169.254.169.254"],
    ["100.64.0.1"],
    ["0.0.0.0"],  # noqa: S104 - called, not bound
    ["::ffff:127.0.0.1"],
    ["64:ff9b::7f00:1"],
    ["2002:7f00:1::"],
    ["fe80::1%lo"],
    ["::1%1"],
    ["1.1.1.1", "127.0.0.1"],
    ["127.0.0.1", "1.1.1.1"],
    ["2606:4700::1111", "::1"],
    ["1.1.1.1", "1.0.0.1", "192.168.1.1"],
    ["no address"],
]


@pytest.mark.parametrize("addresses", RESOLUTIONS, ids=" ".join)
def test_a_name_that_leads_inside_makes_no_connection(addresses):
    with receiver() as v4, receiver(address="::1") as v6:
        for there in (v4, v6):
            with pytest.raises(Refused):
                Egress(resolve=names(*addresses)).post(f"http://rebind.example:{there.port}/", {}, BODY, plain=True)
        time.sleep(0.05)
        assert v4.knocks == v6.knocks == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "127.1"],  # noqa: S104
)
def test_no_spelling_of_loopback_makes_a_connection(host):
    with receiver() as v4, receiver(address="::1") as v6:
        for there in (v4, v6):
            with pytest.raises(Refused):
                Egress().post(f"http://{host}:{there.port}/", {}, BODY, plain=True)
        time.sleep(0.05)
        assert v4.knocks == v6.knocks == 0


def test_the_resolver_is_asked_once_and_its_first_answer_is_connected_to():
    asked = []

    def rebinding(host, _port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiver() as there:
        egress = Egress(LOOPBACK, resolve=rebinding)
        assert egress.post(f"http://once.example:{there.port}/", {}, BODY).status == 200
        assert asked == ["once.example"]
        assert there.seen[0].headers["host"] == f"once.example:{there.port}"
        egress.close()


def test_a_kept_connection_is_not_used_for_a_name_that_leads_elsewhere_now():
    now = ["127.0.0.1"]
    with receiver() as there:
        egress = Egress(LOOPBACK, resolve=lambda *_: list(now))
        url = f"http://moving.example:{there.port}/"
        for _ in range(3):
            assert egress.post(url, {}, BODY).status == 200
        assert there.knocks == 1, "one connection serves them all"
        now[:] = ["10.0.0.1"]
        with pytest.raises(Refused):
            egress.post(url, {}, BODY)
        now[:] = ["127.0.0.1", "192.168.0.1"]
        with pytest.raises(Refused):
            egress.post(url, {}, BODY)
        assert len(there.seen) == 3
        egress.close()


def test_http_to_a_name_outside_the_allowed_networks_is_refused_when_it_is_called():
    with pytest.raises(Refused, match="https://"):
        Egress(LOOPBACK, resolve=names("1.1.1.1")).post("http://outside.example/", {}, BODY)


def test_the_next_address_is_tried_when_one_does_not_answer():
    with receiver() as there:
        egress = Egress(LOOPBACK, resolve=names("127.0.0.9", "127.0.0.1"))
        assert egress.post(f"http://two.example:{there.port}/", {}, BODY).status == 200
        egress.close()


def test_a_redirect_is_an_answer_like_any_other(egress):
    with receiver() as elsewhere, receiver(lambda _: answer(302, Location=elsewhere.url)) as there:
        assert egress.post(there.url, {}, BODY).status == 302
        time.sleep(0.05)
        assert elsewhere.knocks == 0


def test_proxy_variables_are_not_read(egress, monkeypatch):
    with receiver() as proxy, receiver() as there:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert egress.post(there.url, {}, BODY).status == 200
        assert proxy.knocks == 0


HEAD = b"HTTP/1.1 200 OK\r\n"
COSTS = {
    "says nothing": (hang, None),
    "drips its status": (drip(b"HTTP/1.1 200 "), None),
    "drips its head": (drip(HEAD + b"X: "), None),
    "goes on with 100": (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 3), None),
    "drips its body": (drip(HEAD + b"\r\n"), 200),
    "promises more than it sends": (lambda c: (c.sendall(HEAD + b"Content-Length: 99\r\n\r\nshort"), hang(c)), 200),
    "drips its chunks": (drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n"), 200),
}


@pytest.mark.parametrize("kind", COSTS)
def test_a_slow_receiver_costs_no_more_than_the_total(quick, egress, kind):
    act, status = COSTS[kind]
    with receiver(lambda _: act) as there:
        start = time.monotonic()
        if status is None:
            with pytest.raises(Failed):
                egress.post(there.url, {}, BODY)
        else:
            assert egress.post(there.url, {}, BODY).status == status, "the status had come"
        assert time.monotonic() - start < 1.5


def test_the_bounds_are_those_that_were_promised():
    assert (client.CONNECT_SECONDS, client.TOTAL_SECONDS, MOST_BYTES) == (5.0, 15.0, 65_536)


FLOODS = {
    "a length that is true": (HEAD + b"Content-Length: 10737418240\r\n\r\n", 200),
    "no length": (HEAD + b"\r\n", 200),
    "a length that lies": (HEAD + b"Content-Length: 5\r\n\r\n", 200),
    "a negative length": (HEAD + b"Content-Length: -5\r\n\r\n", 200),
    "one chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n280000000\r\n", 200),
    "a chunk without a size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzzz\r\n", 200),
    "a head without an end": (HEAD + b"X: ", None),
    "a status without an end": (b"HTTP/1.1 200 ", None),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_ten_gigabytes_are_read_up_to_the_bound(egress, kind, monkeypatch):
    head, status = FLOODS[kind]
    read = []
    plain = client.Connection.request

    def metered(self, *args):
        try:
            return plain(self, *args)
        finally:
            read.append(self._metered.meter)

    monkeypatch.setattr(client.Connection, "request", metered)
    act = flood(head)
    with receiver(lambda _: act) as there:
        start = time.monotonic()
        if status is None:
            with pytest.raises(Failed):
                egress.post(there.url, {}, BODY)
        else:
            got = egress.post(there.url, {}, BODY)
            assert got.status == status
            assert len(got.body) <= MOST_BYTES
        assert time.monotonic() - start < 5
        assert [meter.left >= 0 for meter in read] == [True], "never more than 64 KiB off the socket"


def test_a_body_is_never_unpacked(egress):
    bomb = gzip.compress(b"\0" * 10_000_000)
    with receiver(lambda _: answer(200, bomb, Content_Encoding="gzip")) as there:
        assert egress.post(there.url, {}, BODY).body == bomb


@pytest.mark.parametrize(
    "said",
    [b"", b"\r\n", b"hello\r\n\r\n", b"HTTP/9.9 200\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\xff", b"{}"],
)
def test_what_is_no_http_is_a_failure_in_one_sentence(quick, egress, said):
    with receiver(lambda _: lambda connection: connection.sendall(said)) as there, pytest.raises(Failed) as failed:
        egress.post(there.url, {}, BODY)
    assert str(failed.value).endswith(".")


def test_nobody_there_is_a_failure(egress):
    with receiver() as there:
        pass
    with pytest.raises(Failed, match="refused"):
        egress.post(there.url, {}, BODY)


def test_a_resolver_that_hangs_or_fails_is_a_failure(quick):
    def fails(*_):
        raise socket.gaierror(-2, "Name or service not known")

    over = threading.Event()
    for resolve in (lambda *_: over.wait(20) and [], fails, names()):
        start = time.monotonic()
        with pytest.raises(Failed):
            Egress(resolve=resolve).post("https://slow.example/", {}, BODY)
        assert time.monotonic() - start < 1
    over.set()


def test_a_connection_that_was_closed_meanwhile_is_opened_again(egress):
    with receiver() as there:
        assert egress.post(there.url, {}, BODY).status == 200
        there.open[0].shutdown(socket.SHUT_RDWR)
        time.sleep(0.05)
        assert egress.post(there.url, {}, BODY).status == 200
        assert there.knocks == 2


def test_a_connection_closed_under_a_request_is_tried_once_more_and_a_fresh_one_is_not(egress):
    def close_second(_seen):
        return OK if len(there.seen) in {1, 3} else lambda connection: connection.shutdown(socket.SHUT_RDWR)

    with receiver(close_second) as there:
        assert egress.post(there.url, {}, BODY).status == 200
        assert egress.post(there.url, {}, BODY).status == 200
        assert (len(there.seen), there.knocks) == (3, 2)
    with receiver(lambda _: lambda connection: connection.shutdown(socket.SHUT_RDWR)) as there, pytest.raises(Failed):
        egress.post(there.url, {}, BODY)
    assert len(there.seen) == 1


@pytest.mark.parametrize("status", [200, 204, 500])
def test_connections_are_kept_also_after_answers_without_a_body(egress, status):
    with receiver(lambda _: answer(status)) as there:
        for _ in range(3):
            assert egress.post(there.url, {}, BODY).status == status
        assert there.knocks == 1


def test_one_that_says_close_is_not_kept_and_its_body_is_read(egress):
    with receiver(lambda _: answer(200, b"bye", Connection="close")) as there:
        for _ in range(2):
            assert egress.post(there.url, {}, BODY).body == b"bye"
        assert there.knocks == 2


def test_idle_connections_are_bounded(monkeypatch, egress):
    monkeypatch.setattr(client, "MOST_IDLE", 2)
    receivers = [receiver() for _ in range(4)]
    with receivers[0] as a, receivers[1] as b, receivers[2] as c:
        for there in (a, b, c, a):
            assert egress.post(there.url, {}, BODY).status == 200
        assert sum(map(len, egress._idle.values())) <= 2


def test_many_threads_share_it(egress):
    statuses = []
    with receiver() as there:

        def call() -> None:
            statuses.extend(egress.post(there.url, {}, BODY).status for _ in range(20))

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 160


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate for secure.example and 127.0.0.1: the server's context, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "secure.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("secure.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def test_tls_is_spoken_with_the_name_to_the_checked_address(authority):
    server, trusting = authority
    named = []
    server.sni_callback = lambda _socket, name, _context: named.append(name)
    with receiver(tls=server) as there:
        egress = Egress(LOOPBACK, resolve=names("127.0.0.1"), tls=trusting)
        for _ in range(2):
            assert egress.post(f"https://secure.example:{there.port}/", {}, BODY).status == 200
        assert named == ["secure.example"]
        assert there.seen[0].headers["host"] == f"secure.example:{there.port}"
        assert egress.post(f"https://127.0.0.1:{there.port}/", {}, BODY).status == 200
        egress.close()


def test_a_certificate_of_another_name_or_of_nobody_known_is_refused(authority):
    server, trusting = authority
    server.sni_callback = None
    with receiver(tls=server) as there:
        for host, tls in (("other.example", trusting), ("secure.example", None)):
            with pytest.raises(Failed, match="certificate is not trusted"):
                Egress(LOOPBACK, resolve=names("127.0.0.1"), tls=tls).post(f"https://{host}:{there.port}/", {}, BODY)
        assert there.seen == []


def test_tls_that_hangs_in_the_handshake_costs_no_more_than_the_total(quick, authority):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        egress = Egress(LOOPBACK, tls=authority[1])
        start = time.monotonic()
        with pytest.raises(Failed):
            egress.post(f"https://127.0.0.1:{silent.getsockname()[1]}/", {}, BODY)
        assert time.monotonic() - start < 1.5
