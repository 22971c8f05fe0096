package kerasfer

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONObject

/**
 * What a model expects of a face and what its answers mean, read out of the `.tflite` file itself.
 *
 * @property labelNames names of the outputs, in their order.
 * @property imageSize height and width of the input, pixels.
 * @property cropMargin share of the side of the square face box that is added on each side of it.
 * @property cropShift share of the side of the square face box by which the crop is moved down.
 * @property uncertainBelow a largest probability under this is to be shown as uncertain.
 */
data class ModelContract(
    val labelNames: List<String>,
    val imageSize: Int,
    val cropMargin: Double,
    val cropShift: Double,
    val uncertainBelow: Double
) {
    companion object {
        /**
         * Reads the contract of a file that `keras-fer export` wrote.
         *
         * @throws IllegalArgumentException if there is none, or this sample cannot keep it.
         */
        fun read(model: ByteArray): ModelContract {
            val text = storedMember(model, "contract.json")
            requireNotNull(text) { "The model file holds no contract: write one by keras-fer export." }
            val json = JSONObject(String(text, Charsets.UTF_8))
            require(json.getInt("format_version") == 1) { "The contract was written by a newer version." }
            require(!json.getBoolean("align_roll")) {
                "The model wants faces turned upright (align_roll), which this sample does not do."
            }
            require(json.getString("resize_filter") == "triangle" && json.getString("color_order") == "rgb")
            val names = json.getJSONArray("label_names")
            return ModelContract(
                List(names.length()) { names.getString(it) },
                json.getInt("image_size"),
                json.getDouble("crop_margin"),
                json.getDouble("crop_shift"),
                json.getDouble("uncertain_below")
            )
        }
    }
}

private const val END_SIGNATURE = 0x06054b50
private const val ENTRY_SIGNATURE = 0x02014b50
private const val END_SIZE = 22
private const val LONGEST_COMMENT = 65535

/**
 * Returns a member, stored without compression, of the zip archive behind a TFLite flatbuffer.
 *
 * Not `java.util.zip.ZipFile`, which on some Android versions wants an archive at the beginning of the file.
 */
internal fun storedMember(file: ByteArray, name: String): ByteArray? {
    val buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
    fun short(at: Int) = buffer.getShort(at).toInt() and 0xffff
    val last = file.size - END_SIZE
    val end = (last downTo maxOf(last - LONGEST_COMMENT, 0)).firstOrNull { buffer.getInt(it) == END_SIGNATURE }
        ?: return null
    var entry = buffer.getInt(end + 16)
    for (number in 0 until short(end + 10)) {
        require(buffer.getInt(entry) == ENTRY_SIGNATURE) { "The archive in the model file is damaged." }
        val nameSize = short(entry + 28)
        if (String(file, entry + 46, nameSize, Charsets.UTF_8) == name) {
            require(short(entry + 10) == 0) { "The contract is compressed: export the model again." }
            val header = buffer.getInt(entry + 42)
            val start = header + 30 + short(header + 26) + short(header + 28)
            return file.copyOfRange(start, start + buffer.getInt(entry + 20))
        }
        entry += 46 + nameSize + short(entry + 30) + short(entry + 32)
    }
    return null
}
