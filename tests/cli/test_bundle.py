import hashlib
import json

from click.testing import CliRunner

from keras_fer.cli.main import main


def bundle(*arguments):
    return CliRunner().invoke(main, ["bundle", *map(str, arguments)])


def test_one_command_from_a_run_to_a_folder_to_hand_on(tiny_run, tmp_path):
    output = tmp_path / "bundle"
    recipes = ("float32", "dynamic_wi8_afp32", "onnx_float32")
    arguments = [word for name in recipes for word in ("--recipe", name)]
    # The net has learned nothing and answers all images alike, as near ties.
    result = bundle(tiny_run, output, *arguments, "--agreement", 0, "--accuracy-loss", 1)
    assert result.exit_code == 0, result.output
    files = {"tiny_float32.tflite", "tiny_dynamic_wi8_afp32.tflite", "tiny_float32.onnx"}
    beside = {"labels.txt", "contract.json", "report.json", "README.md", "index.html", "SHA256SUMS"}
    assert {path.name for path in output.iterdir()} == files | beside
    sums = dict(line.split("  ")[::-1] for line in (output / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == files | beside - {"SHA256SUMS"}
    for name, digest in sums.items():
        assert digest == hashlib.sha256((output / name).read_bytes()).hexdigest()
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    for entry in report["files"]:
        assert [row["num_threads"] for row in entry["latencies"]] == [1, 2]
    assert report["files"][0]["peak_memory_bytes"] > 2e7
    page = (output / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in files)


def test_broken_limit_is_exit_code_1(tiny_run, tmp_path):
    output = tmp_path / "bundle"
    result = bundle(tiny_run, output, "--recipe", "float16", "--float16-difference", 0)
    assert result.exit_code == 1
    assert "FAILED tiny_float16.tflite: largest difference of a probability" in result.stdout
    assert not output.exists()
