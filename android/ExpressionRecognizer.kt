package kerasfer

import java.io.Closeable
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter

/**
 * Recognises the expression of a face with a file that `keras-fer export` wrote.
 *
 * One recognizer serves one thread at a time. Nothing leaves the device.
 *
 * @param model content of the file, such as `context.assets.open("model.tflite").use { it.readBytes() }`.
 */
class ExpressionRecognizer(model: ByteArray) : Closeable {
    val contract = ModelContract.read(model)
    private val interpreter = Interpreter(
        ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).put(model).apply { rewind() },
        Interpreter.Options().setNumThreads(2)
    )
    private val input = interpreter.getInputTensor(0)

    init {
        val size = contract.imageSize
        require(input.shape().contentEquals(intArrayOf(1, size, size, 3))) { "The model does not keep its contract." }
        require(input.dataType() == DataType.FLOAT32 || input.dataType() == DataType.UINT8)
    }

    /** The probability of each expression of the face in a box, in the order of `contract.labelNames`. */
    fun recognize(picture: Picture, box: Box): FloatArray {
        val pixels = faceCrop(picture, box, contract)
        val values = ByteBuffer.allocateDirect(input.numBytes()).order(ByteOrder.nativeOrder())
        if (input.dataType() == DataType.FLOAT32) {
            // Nothing is subtracted or divided: normalisation is in the model.
            for (value in pixels) values.putFloat(value.toFloat())
        } else {
            for (value in pixels) values.put(quantized(value))
        }
        values.rewind()
        val probabilities = arrayOf(FloatArray(contract.labelNames.size))
        interpreter.run(values, probabilities)
        return probabilities[0]
    }

    /** A pixel as the uint8 input wants it; exporters nearly, not always, choose the scale 1. */
    private fun quantized(value: Int): Byte {
        val parameters = input.quantizationParams()
        if (parameters.scale == 0f) return value.toByte()
        return (Math.rint((value / parameters.scale).toDouble()).toInt() + parameters.zeroPoint)
            .coerceIn(0, 255).toByte()
    }

    override fun close() = interpreter.close()
}
