"""What may be called: dozens of spellings of what may not, each refused before a socket is opened."""

from ipaddress import ip_network

import pytest

from app.egress.addresses import Refused, judged
from app.egress.client import Egress
from app.egress.target import read

PRIVATE = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.1.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450:4001::200e",
    "2001:4860:4860::8888",
]

SPELLINGS = [
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7F.0x0.0x0.0x1/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0x0/",
    "http://00/",
    "http://127.0.0.1./",
    "http://127.000.000.001/",
    "http://127.0.0.0x1/",
    "http://3232235777/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://169.254.43518/",
    "http://0251.0376.0251.0376/",
    "http://[::1%25lo]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[::ffff:7f00:1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::1]x/",
    "http://[::1",
    "http://[127.0.0.1]/",
    "http://[v1.fe80]/",
    "http://[]/",
    "http://[::1]:/",
    "http://[::1]:99999/",
    "http://256.256.256.256/",
    "http://1.2.3.4.5/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:65536/",
    "http://127.0.0.1:8o/",
    "http://127.0.0.1:٨٠/",
    "http://example.com:/",
    "http://１２７.０.０.１/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
    "http://127。0。0。1/",
    "http://loc%61lhost/",
    "http://%31%32%37.0.0.1/",
    "http://bücher.example/",
    "http://example.com\\@127.0.0.1/",
    "http://example.com\\.evil.example/",
    "http:\\\\127.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "http://user@example.com/",
    "http://user:pass@example.com/",
    "http://@example.com/",
    "http://:@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1#@example.com/",
    "http://example.com/#fragment",
    "http://example.com/#",
    "http://example.com:80@127.0.0.1/",
    "http://exa_mple..com/",
    "http://.example.com/",
    "http://example.com./",
    "http://-a.example/",
    "http:///hook",
    "http://?x",
    "http://",
    "//",
    "example.com/hook",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_x",
    "javascript:alert(1)",
    "data:text/plain,x",
    "unix:///run/redis.sock",
    "jar:http://127.0.0.1!/",
    "https://a,b.example/",
    "dict://127.0.0.1:11211/",
    "ldap://127.0.0.1/",
    "ws://127.0.0.1/",
    "https+unix://x/",
    "http://127.0.0.1;x/",
    "http://a*b.example/",
    "http://ex=ample.com/",
    "http://localhost:x@1.1.1.1/",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_an_address_that_is_not_public_is_refused(text: str):
    with pytest.raises(Refused, match="is not a public address"):
        judged(text)
    host = f"[{text}]" if ":" in text else text
    with pytest.raises(Refused):
        Egress().check(f"https://{host}/hook")


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_not(text: str):
    assert str(judged(text)) == text
    host = f"[{text}]" if ":" in text else text
    assert Egress().check(f"https://{host}/hook").host == text


@pytest.mark.parametrize(
    "url",
    [
        *SPELLINGS,
        "http://example.com/a b",
        "http://example.com/\r\nHost: x",
        "http://example.com\t/",
        "http://exam\nple.com/",
        " http://example.com/",
        "http://example.com/\x00",
        "http://example.com/é",
        "",
        "http://" + "a" * 254 + "/",
        "http://" + "a" * 64 + ".example/",
        "http://example.com/" + "a" * 2000,
    ],
)
def test_another_spelling_is_refused(url: str):
    everything = tuple(ip_network(each) for each in ("1.0.0.0/8", "8.0.0.0/8"))
    with pytest.raises(Refused) as refused:
        Egress(everything).check(url, plain=True)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "header"),
    [
        ("https://Example.COM", "example.com", 443, "/", "example.com"),
        ("https://example.com:443/a?b=c", "example.com", 443, "/a?b=c", "example.com"),
        ("https://example.com:8443/?", "example.com", 8443, "/?", "example.com:8443"),
        ("HTTPS://example.com/%2e%2e//x", "example.com", 443, "/%2e%2e//x", "example.com"),
        ("http://n8n:5678/webhook", "n8n", 5678, "/webhook", "n8n:5678"),
        ("https://[2606:4700::1111]:8443/x", "2606:4700::1111", 8443, "/x", "[2606:4700::1111]:8443"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
        ("https://a_b.example/", "a_b.example", 443, "/", "a_b.example"),
    ],
)
def test_a_plain_url_is_read(url: str, host: str, port: int, path: str, header: str):
    target = read(url)
    assert (target.host, target.port, target.path, target.host_header) == (host, port, path, header)


def test_an_allowed_network_is_allowed_as_it_is_written_and_no_more():
    allowed = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert str(judged("10.1.2.3", allowed)) == "10.1.2.3"
    assert str(judged("fd00::1", allowed)) == "fd00::1"
    for text in ("127.0.0.1", "192.168.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1", "::1", "10.0.0.999"):
        with pytest.raises(Refused):
            judged(text, allowed)


def test_http_is_for_allowed_networks_unless_it_is_allowed_everywhere():
    inside, closed = Egress((ip_network("10.0.0.0/8"),)), Egress()
    assert inside.check("http://10.0.0.1/hook").port == 80
    assert inside.check("http://n8n/hook").port == 80, "where it leads is judged when it is called"
    for egress, url in ((inside, "http://1.1.1.1/"), (closed, "http://1.1.1.1/"), (closed, "http://example.com/")):
        with pytest.raises(Refused, match="https://"):
            egress.check(url)
        assert egress.check(url, plain=True)
