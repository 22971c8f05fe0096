import json
import re

import pytest
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.web import build
from keras_fer.web.build import SOURCES, built_app, cache_folder, is_built, source_digest, source_files

NPM = """#!/bin/sh
[ "$1" = ci ] && [ -f package-lock.json ] && [ -f src/main.js ] && [ -f .npmrc ] && mkdir node_modules
"""
NODE = """#!/bin/sh
[ -d node_modules ] && for name in index.html main.js service_worker.js style.css manifest.webmanifest; do
    echo built > "$2/$name"
done
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Returns a function that puts programs of a line or two in the place of npm and node."""

    def put(**scripts):
        folder = tmp_path / f"bin-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for name, script in scripts.items():
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        found = {name: str(folder / name) for name in scripts}
        monkeypatch.setattr(build.shutil, "which", found.get)

    return put


def test_builds_once(programs, tmp_path):
    programs(npm=NPM, node=NODE)
    folder = built_app(tmp_path / "cache")
    assert folder == tmp_path / "cache" / f"web-{source_digest()}"
    assert (folder / "main.js").read_text() == "built\n"
    programs()
    assert built_app(tmp_path / "cache") == folder


def test_without_node_one_sentence_says_how(programs, tmp_path):
    for found in ({}, {"npm": NPM}, {"node": NODE}):
        programs(**found)
        with pytest.raises(FERError, match=r"Node\.js 20 or newer and npm.* --app"):
            built_app(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("scripts", "message"),
    [
        ({"npm": "#!/bin/sh\necho no network >&2; exit 1\n", "node": NODE}, "`npm ci` says: no network"),
        ({"npm": NPM, "node": "#!/bin/sh\necho half > $2/main.js; exit 3\n"}, "`node build.mjs` says"),
        ({"npm": "not a program", "node": NODE}, "could not be built"),
    ],
)
def test_a_failed_build_is_one_sentence_and_leaves_nothing(programs, tmp_path, scripts, message):
    programs(**scripts)
    with pytest.raises(FERError, match=message):
        built_app(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_sources_are_another_build(tmp_path, monkeypatch):
    before = source_digest()
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.js").write_text("1")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "left.js").write_text("1")
    digests = {before, source_digest()}
    assert source_files() == [tmp_path / "src" / "main.js"]
    (tmp_path / "src" / "main.js").write_text("2")
    digests.add(source_digest())
    assert len(digests) == 3


def test_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "keras-fer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "keras-fer"


def test_a_half_build_is_none(built):
    assert is_built(built)
    (built / "style.css").unlink()
    assert not is_built(built)


def test_versions_are_pinned_and_name_no_host():
    package = json.loads((SOURCES / "package.json").read_text())
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    wanted = {**package["dependencies"], **package["devDependencies"]}
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry
        assert name == "" or entry["integrity"].startswith("sha512-")


def test_what_the_page_and_the_manifest_name_is_there():
    page = (SOURCES / "src" / "index.html").read_text(encoding="utf-8")
    names = set(re.findall(r'(?:src|href)="([^"#]+)"', page)) - {"third_party.txt"}
    assert {"main.js", "style.css", "manifest.webmanifest"} <= names
    manifest = json.loads((SOURCES / "src" / "manifest.webmanifest").read_text())
    for icon in manifest["icons"]:
        names.add(icon["src"])
        with Image.open(SOURCES / "src" / icon["src"]) as image:
            assert "x".join(map(str, image.size)) == icon["sizes"]
    assert [name for name in names if not (SOURCES / "src" / name).is_file()] == []
    # No address of another place, and no code or style in the page, which its own policy would refuse.
    assert not re.search(r"https?:|<style|<script>| style=| on\w+=", page)


def test_every_id_that_the_script_asks_for_is_in_the_page():
    page = (SOURCES / "src" / "index.html").read_text(encoding="utf-8")
    script = (SOURCES / "src" / "main.js").read_text(encoding="utf-8")
    asked = set(re.findall(r'part\("([\w-]+)"\)', script))
    assert asked
    assert asked <= set(re.findall(r'id="([\w-]+)"', page))
