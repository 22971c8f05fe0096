package kerasfer

import kotlin.math.abs
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/** A face box in pixels of the picture, right and bottom exclusive. */
data class Box(val left: Double, val top: Double, val right: Double, val bottom: Double)

/** Pixels as `Bitmap.getPixels` gives them, one ARGB number each, row by row. */
class Picture(val width: Int, val height: Int, val pixels: IntArray)

/**
 * Cuts the square around a face as the contract says and resizes it: the same bytes as in training.
 *
 * `Bitmap.createScaledBitmap` must not take its place: it does not average, which changes answers.
 *
 * @return `size * size * 3` values, 0 to 255, in the order red, green, blue.
 */
fun faceCrop(picture: Picture, box: Box, contract: ModelContract): IntArray {
    val longer = max(box.right - box.left, box.bottom - box.top)
    require(longer > 0 && longer <= 4 * max(picture.width, picture.height)) { "This is no face box: $box" }
    val half = longer * (0.5 + contract.cropMargin)
    val centerX = (box.left + box.right) / 2
    val centerY = (box.top + box.bottom) / 2 + longer * contract.cropShift
    val left = floor(centerX - half + 0.5).toInt()
    val top = floor(centerY - half + 0.5).toInt()
    val side = max(floor(centerX + half - (centerX - half) + 0.5).toInt(), 1)
    return resize(cut(picture, left, top, side), side, contract.imageSize)
}

/** The square as red, green, blue; outside the picture its border is repeated. */
private fun cut(picture: Picture, left: Int, top: Int, side: Int): IntArray {
    val values = IntArray(side * side * 3)
    var to = 0
    for (row in top until top + side) {
        val line = min(max(row, 0), picture.height - 1) * picture.width
        for (column in left until left + side) {
            val pixel = picture.pixels[line + min(max(column, 0), picture.width - 1)]
            values[to++] = pixel shr 16 and 0xff
            values[to++] = pixel shr 8 and 0xff
            values[to++] = pixel and 0xff
        }
    }
    return values
}

/** The triangle filter, first along the width, rounded, then along the height. */
private fun resize(square: IntArray, side: Int, size: Int): IntArray {
    if (side == size) return square
    val weights = weights(side, size)
    val narrowed = IntArray(side * size * 3)
    for (row in 0 until side) filter(square, row * side * 3, 3, weights, narrowed, row * size * 3, 3)
    val result = IntArray(size * size * 3)
    for (column in 0 until size) filter(narrowed, column * 3, size * 3, weights, result, column * 3, size * 3)
    return result
}

/** First input pixel and weights, in parts of 2^22, of an output pixel. */
private class Weights(val first: Int, val values: IntArray)

private fun weights(n: Int, m: Int): List<Weights> {
    val scale = n.toDouble() / m
    val support = max(scale, 1.0)
    return List(m) { i ->
        val center = (i + 0.5) * scale
        val first = max(floor(center - support + 0.5).toInt(), 0)
        val last = min(floor(center + support + 0.5).toInt(), n)
        val shares = DoubleArray(last - first) { max(0.0, 1 - abs(first + it + 0.5 - center) / support) }
        val total = shares.sum()
        Weights(first, IntArray(shares.size) { floor(shares[it] / total * (1 shl 22) + 0.5).toInt() })
    }
}

/** Filters a line of pixels that lie `step` apart; the sums stay below 2^31. */
private fun filter(
    from: IntArray, start: Int, step: Int, weights: List<Weights>, to: IntArray, toStart: Int, toStep: Int
) {
    for ((i, weight) in weights.withIndex()) {
        for (channel in 0 until 3) {
            var sum = 1 shl 21
            var at = start + weight.first * step + channel
            for (value in weight.values) {
                sum += value * from[at]
                at += step
            }
            to[toStart + i * toStep + channel] = min(sum shr 22, 255)
        }
    }
}
