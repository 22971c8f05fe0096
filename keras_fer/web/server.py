"""Serves the browser app from this machine."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from keras_fer.errors import FERError
from keras_fer.version import __version__
from keras_fer.web.site import Site

# Not those of the system, which know neither .wasm nor .webmanifest everywhere.
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
# The runtime runs on one thread, so the page need not be isolated; it may not be framed or read by others.
_HEADERS = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def web_server(site: Site, host: str = "127.0.0.1", port: int = 8000) -> ThreadingHTTPServer:
    """Opens a server for a site; `serve_forever` runs it.

    Only the addresses of the site have content; a path is never looked up on the disk.

    Args:
        site: what to serve.
        host: address to listen on; the default can be reached from this machine only.
        port: 0 for any that is free; `server_address` says which.

    Raises:
        FERError: if the address cannot be had.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version = f"keras-fer/{__version__}"
        sys_version = ""
        timeout = 30  # seconds; a silent client does not hold its thread for ever

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, with_body: bool) -> None:
            address = unquote(urlsplit(self.path).path).removeprefix("/")
            content = site.content(address)
            status = HTTPStatus.OK if content is not None else HTTPStatus.NOT_FOUND
            suffix = PurePosixPath(address or "index.html").suffix if content is not None else ".txt"
            content = b"There is nothing at this address.\n" if content is None else content
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPES.get(suffix, "application/octet-stream"))
            self.send_header("Content-Length", str(len(content)))
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing: one line per file would hide the address of the app."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Says nothing: browsers end connections whenever they like."""

    try:
        return Server((host, port), Handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FERError(
            f"No server can listen on {host}, port {port}: {reason}. Choose another --port."
        ) from error
