import http.client
import socket
import threading

import pytest

from keras_fer.errors import FERError
from keras_fer.web.server import CONTENT_TYPES, web_server
from keras_fer.web.site import Site


@pytest.fixture
def ask(tmp_path):
    """Returns a function that asks a running server and returns status, headers and body."""
    (tmp_path / "secret.txt").write_text("secret")
    page = tmp_path / "page.html"
    page.write_text("<p>page</p>")
    files = {"index.html": page, "models/ein Modell.tflite": b"\x00model"}
    files |= {f"file{suffix}": b"x" for suffix in CONTENT_TYPES}
    with web_server(Site(files), port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def answer(path, method="GET"):
            connection = http.client.HTTPConnection(*server.server_address, timeout=10)
            try:
                # Sent as it stands: other clients take `..` out of the path.
                connection.putrequest(method, path, skip_host=False)
                connection.endheaders()
                response = connection.getresponse()
                return response.status, response.headers, response.read()
            finally:
                connection.close()

        yield answer
        server.shutdown()
        thread.join()


def test_content_and_types(ask):
    status, headers, body = ask("/")
    assert (status, body) == (200, b"<p>page</p>")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask("/index.html?source=pwa")[2] == b"<p>page</p>"
    status, headers, body = ask("/models/ein%20Modell.tflite")
    assert (status, body, headers["Content-Type"]) == (200, b"\x00model", "application/octet-stream")
    for suffix, content_type in CONTENT_TYPES.items():
        assert ask(f"/file{suffix}")[1]["Content-Type"] == content_type
    assert CONTENT_TYPES[".wasm"] == "application/wasm"


def test_headers(ask):
    headers = ask("/")[1]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-cache"
    assert "Python" not in headers["Server"]


def test_head_has_no_body(ask):
    status, headers, body = ask("/", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, "11", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/models/../../secret.txt",
        "/models/%2e%2e%2f%2e%2e%2fsecret.txt",
        "//etc/passwd",
        "/models/",
        "/index.html/",
        "/%00",
        "/%ff",
    ],
)
def test_nothing_else_is_there(ask, path):
    status, _, body = ask(path)
    assert (status, body) == (404, b"There is nothing at this address.\n")


def test_other_methods_are_refused(ask):
    assert ask("/", "POST")[0] == 501


def test_only_this_machine_is_let_in_unless_told():
    with web_server(Site({}), port=0) as server:
        assert server.server_address[0] == "127.0.0.1"


def test_a_port_in_use_and_an_address_of_another_machine_are_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FERError, match=rf"listen on 127\.0\.0\.1, port {port}: .*Choose another --port"):
            web_server(Site({}), port=port)
    with pytest.raises(FERError, match=r"listen on 192\.0\.2\.1"):
        web_server(Site({}), host="192.0.2.1", port=0)
