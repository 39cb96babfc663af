"""Serve a room's pages on this machine; elsewhere only to browsers that were given a token."""

import ipaddress
import secrets
import socket
import sys
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from likewise.dreamsim.room_pages import MOST, Pages, Request, Response
from likewise.errors import AddressError

TOKEN = "likewise-token"


class Server(ThreadingHTTPServer):
    """A server of one room. `serve_forever` until `shutdown`; port 0 takes a free one, told by `url`."""

    daemon_threads = True

    def __init__(self, pages: Pages, host: str = "127.0.0.1", port: int = 0) -> None:
        """Raises AddressError. Off the loopback a token is made, which `url` carries."""
        self.pages, self.host = pages, host
        self.token = None if loopback(host) else secrets.token_urlsafe(18)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise AddressError(host, port, error.strerror or str(error)) from error
        except OverflowError as error:
            raise AddressError(host, port, "a port is a number from 0 to 65535") from error

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hung up is no error; anything else keeps its traceback."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """What to open in a browser."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        host = f"[{host}]" if ":" in host else host
        address = f"http://{host}:{self.server_address[1]}/"
        return address if self.token is None else f"{address}?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds; a browser that says nothing more must not keep a thread

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        address = _parsed(self.path)
        length = int(self.headers.get("Content-Length") or 0) if self._plain_length() else -1
        if address is None or not 0 <= length <= MOST:
            self.close_connection = True  # the rest of what was sent is not read
            return self._send(Response(400, b"This page cannot read such a request.", "text/plain"))
        body = self.rfile.read(length)
        if (problem := self._refusal()) is not None:
            return self._send(Response(403, problem.encode(), "text/plain; charset=utf-8"))
        if self.server.token is not None and not self._has_token():
            return self._admit(parse_qs(address.query).get("token", [""])[0])
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.pages.answer(Request(self.command, address.path, headers, body)))

    def _plain_length(self) -> bool:
        given = self.headers.get("Content-Length", "0")
        return given.isascii() and given.isdigit() and "Transfer-Encoding" not in self.headers

    def _refusal(self) -> str | None:
        """Why a request is turned away: a page of another site that speaks to us, or through a name of its own."""
        host = self.headers.get("Host", "")
        named = _parsed(f"//{host}")
        if self.server.token is None and not (named and loopback(named.hostname or "")):
            return "This page is served to this machine alone."
        origin = self.headers.get("Origin")
        from_ = None if origin is None else _parsed(origin)
        if origin is not None and (from_ is None or from_.netloc != host):
            return "Another page may not speak to this one."
        return None

    def _has_token(self) -> bool:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(TOKEN)
        except CookieError:
            return False
        return found is not None and self._same(found.value)

    def _same(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "replace"), (self.server.token or "").encode())

    def _admit(self, given: str) -> None:
        """Exchange the token in an address for a cookie, and take it out of the address."""
        if not self._same(given):
            return self._send(Response(401, b"Open the address with its token.", "text/plain"))
        cookie = f"{TOKEN}={given}; HttpOnly; SameSite=Strict; Path=/"
        self._send(Response(303, b"", "text/plain", {"Location": "/", "Set-Cookie": cookie}))

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        headers = {
            "Content-Type": response.kind,
            "Content-Length": str(len(response.body)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **response.headers,
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: names and votes are nobody's business, and what matters is in the log."""


def _parsed(address: str) -> SplitResult | None:
    """The parts of an address, or None for one that is none."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def loopback(host: str) -> bool:
    """Whether an address means this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
