"""Compiles the parts of the Kotlin sample that need no Android and compares their crops with the runtime's.

Opt-in, since it needs `kotlinc`, `java` and the jar of org.json, which Android has built in (on Debian: the
packages kotlin and libandroid-json-org-java):

    python benchmarks/check_kotlin_sample.py exported/..._float32.tflite /usr/share/java/json-android.jar

`ModelContract.kt` reads the contract of the file, `FaceCrop.kt` cuts 21 crops of noise with margin and shift.
`ExpressionRecognizer.kt` needs LiteRT for Android and is not compiled here. Expected: the same labels and the
same bytes. Exit code 1 otherwise.
"""

import argparse
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_fer.runtime.model_file import read_contract
from keras_fer.runtime.preprocessing import face_crop

SAMPLE = Path(__file__).resolve().parent.parent / "android"
_SIZES = [(48, 48), (64, 41), (37, 91), (300, 200), (3, 5), (9, 1), (120, 90)] * 3
_MAIN = """
package kerasfer
import java.io.*
fun main(args: Array<String>) {
    val contract = ModelContract.read(File(args[0]).readBytes())
    println(contract.labelNames.joinToString("\\n"))
    val cases = DataInputStream(BufferedInputStream(FileInputStream(args[1])))
    DataOutputStream(BufferedOutputStream(FileOutputStream(args[2]))).use { out ->
        for (number in 0 until cases.readInt()) {
            val width = cases.readInt()
            val height = cases.readInt()
            val sides = DoubleArray(4) { cases.readDouble() }
            val asked = contract.copy(
                cropMargin = cases.readDouble(), cropShift = cases.readDouble(), imageSize = cases.readInt())
            val picture = Picture(width, height, IntArray(width * height) { cases.readInt() })
            val box = Box(sides[0], sides[1], sides[2], sides[3])
            for (value in faceCrop(picture, box, asked)) out.writeByte(value)
        }
    }
}
"""


def cases() -> tuple[bytes, np.ndarray]:
    """Returns pictures and boxes as the program reads them, and the bytes of the crops that are right."""
    random = np.random.default_rng(1)
    written, crops = [struct.pack(">i", len(_SIZES))], []
    for number, (height, width) in enumerate(_SIZES):
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        left, top = random.uniform(-0.3, 0.5, 2) * (width, height)
        side = random.uniform(0.7, 1.2) * max(height, width)
        box = (left, top, left + side, top + 0.8 * side)
        margin, shift, size = random.uniform(0, 0.4), random.uniform(-0.2, 0.2), (48, 112)[number % 2]
        red, green, blue = np.moveaxis(image.astype(np.uint32), 2, 0)
        pixels = (0xFF000000 | red << 16 | green << 8 | blue).astype(">u4")
        written.append(struct.pack(">ii4dddi", width, height, *box, margin, shift, size) + pixels.tobytes())
        crops.append(face_crop(image, box, size, margin, shift).ravel())
    return b"".join(written), np.concatenate(crops)


def main() -> int:
    """Prints what was compared; returns 1 where it differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="exported .tflite file")
    parser.add_argument("json_jar", type=Path, help="jar with org.json")
    arguments = parser.parse_args()
    written, expected = cases()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Main.kt").write_text(_MAIN)
        (folder / "cases").write_bytes(written)
        sources = [SAMPLE / "ModelContract.kt", SAMPLE / "FaceCrop.kt", folder / "Main.kt"]
        jar = folder / "sample.jar"
        compiler = ["kotlinc", "-include-runtime", "-cp", arguments.json_jar, *sources, "-d", jar]
        subprocess.run(compiler, check=True)
        path = f"{jar}:{arguments.json_jar}"
        program = [
            "java",
            "-cp",
            path,
            "kerasfer.MainKt",
            arguments.model,
            folder / "cases",
            folder / "crops",
        ]
        done = subprocess.run(program, check=True, capture_output=True, text=True)
        crops = np.fromfile(folder / "crops", np.uint8)
    labels_agree = tuple(done.stdout.splitlines()) == read_contract(arguments.model).label_names
    print(f"labels {'agree' if labels_agree else 'DIFFER'}")
    different = int((crops != expected).sum()) if crops.shape == expected.shape else len(expected)
    print(f"{different} of {len(expected)} bytes in {len(_SIZES)} crops differ")
    return int(different > 0 or not labels_agree)


if __name__ == "__main__":
    sys.exit(main())
