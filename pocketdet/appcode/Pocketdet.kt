// Pre- and post-processing of this bundle's detector, in plain Kotlin.
// Generated from contract.json: do not edit, run the pipeline again.
//
// Android with LiteRT: resize the upright photo with `input`, run the .tflite file on it, hand its
// outputs by name to `detections`. A file whose name ends in _nms needs neither: give the photo to
// MediaPipe Tasks' ObjectDetector, with scoreThreshold = SCORE_MIN.
// Try it on the bundle's golden vectors: kotlinc Pocketdet.kt -include-runtime -d p.jar &&
// java -cp p.jar pocketdet.PocketdetKt BUNDLE_FOLDER
package pocketdet

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.abs
import kotlin.math.exp
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round // halves to even

class Anchor(val stride: Int, val w: Float, val h: Float) // input px

class Image(val w: Int, val h: Int, val rgb: ByteArray) // rows from the top

class Place(val x: Int, val y: Int, val w: Int, val h: Int) // of the photo in the input, px

class Box(var x1: Float, var y1: Float, var x2: Float, var y2: Float, val score: Float, val label: Int)

const val INPUT_W = @INPUT_W@
const val INPUT_H = @INPUT_H@
const val SCORE_MIN = @SCORE_MIN@f
const val NMS_IOU = @NMS_IOU@
const val MAX_DETECTIONS = @MAX_DETECTIONS@
const val ANCHOR_FREE = @ANCHOR_FREE@
const val LETTERBOX = @LETTERBOX@
const val CORNERS = @CORNERS@
const val BINS = @BINS@
val LABELS = listOf(@CLASSES@)
val SCORE_MINS = floatArrayOf(@SCORE_MINS@) // of each class
val STRIDES = intArrayOf(@STRIDES@)
val ANCHORS = listOf(@ANCHORS_KT@)

/** Where a photo goes in the input. */
fun place(w: Int, h: Int): Place {
    var sx = INPUT_W.toDouble() / w
    var sy = INPUT_H.toDouble() / h
    if (LETTERBOX) { sx = min(sx, sy); sy = sx }
    val pw = max(1, round(w * sx).toInt())
    val ph = max(1, round(h * sy).toInt())
    return Place((INPUT_W - pw) / 2, (INPUT_H - ph) / 2, pw, ph)
}

private fun at(image: Image, x: Int, y: Int, c: Int) = image.rgb[(y * image.w + x) * 3 + c].toInt() and 255

/** One axis of Pillow's antialiased bilinear resampling, with its 22 bits of fixed point. */
fun resampled(image: Image, size: Int, rows: Boolean): Image {
    val old = if (rows) image.h else image.w
    val other = if (rows) image.w else image.h
    val w = if (rows) image.w else size
    val out = ByteArray(size * other * 3)
    val scale = old.toDouble() / size
    val wide = max(scale, 1.0)
    for (k in 0 until size) {
        val centre = (k + 0.5) * scale
        val low = max(0, (centre - wide + 0.5).toInt())
        val high = min(old, (centre + wide + 0.5).toInt())
        val weights = DoubleArray(high - low) { max(0.0, 1 - abs((it + low - centre + 0.5) / wide)) }
        val total = weights.sum()
        val factors = IntArray(weights.size) { (0.5 + weights[it] / total * (1 shl 22)).toInt() }
        for (i in 0 until other) for (c in 0 until 3) {
            var sum = 1 shl 21
            for (j in low until high) {
                sum += factors[j - low] * if (rows) at(image, i, j, c) else at(image, j, i, c)
            }
            val place = if (rows) k * w + i else i * w + k
            out[place * 3 + c] = (sum shr 22).coerceIn(0, 255).toByte()
        }
    }
    return Image(w, out.size / 3 / w, out)
}

/** As MediaPipe: pixel k of n at k * photo / n, to 1/32 px, without antialiasing. */
fun atCorners(image: Image, w: Int, h: Int): Image {
    val out = ByteArray(w * h * 3)
    for (y in 0 until h) for (x in 0 until w) {
        val py = round(y * (32.0 * image.h / h)).toInt()
        val px = round(x * (32.0 * image.w / w)).toInt()
        val y0 = py shr 5; val x0 = px shr 5; val fy = py and 31; val fx = px and 31
        val y1 = min(y0 + 1, image.h - 1); val x1 = min(x0 + 1, image.w - 1)
        for (c in 0 until 3) {
            val top = at(image, x0, y0, c) * (32 - fx) + at(image, x1, y0, c) * fx
            val low = at(image, x0, y1, c) * (32 - fx) + at(image, x1, y1, c) * fx
            out[(y * w + x) * 3 + c] = ((top * (32 - fy) + low * fy + 512) shr 10).toByte()
        }
    }
    return Image(w, h, out)
}

/** An upright RGB photo as the net's input; a float32 file takes the same values 0..255. */
fun input(photo: Image): Image {
    val at = place(photo.w, photo.h)
    var small = photo
    if (CORNERS) small = atCorners(photo, at.w, at.h)
    else {
        if (small.w != at.w) small = resampled(small, at.w, false)
        if (small.h != at.h) small = resampled(small, at.h, true)
    }
    val frame = ByteArray(INPUT_W * INPUT_H * 3) { @FILL@ }
    for (y in 0 until at.h) {
        small.rgb.copyInto(frame, ((y + at.y) * INPUT_W + at.x) * 3, y * at.w * 3, (y + 1) * at.w * 3)
    }
    return Image(INPUT_W, INPUT_H, frame)
}

/** The box of a prediction in input px: 4 offsets, or 4 * BINS logits of distances. */
private fun decoded(v: FloatArray, from: Int, a: Anchor, cx: Float, cy: Float): FloatArray {
    if (ANCHOR_FREE) {
        val side = FloatArray(4) { s ->
            val start = from + s * BINS
            var top = v[start]
            for (b in 1 until BINS) top = max(top, v[start + b])
            var sum = 0f; var mean = 0f
            for (b in 0 until BINS) { val e = exp(v[start + b] - top); sum += e; mean += b * e }
            mean / sum * a.stride
        }
        return floatArrayOf(cx - side[0], cy - side[1], cx + side[2], cy + side[3])
    }
    val x = cx + @CENTRE_VARIANCE@ * v[from] * a.w
    val y = cy + @CENTRE_VARIANCE@ * v[from + 1] * a.h
    val w = a.w * exp(min(@SIZE_VARIANCE@ * v[from + 2], @MAX_LOG_SIZE@))
    val h = a.h * exp(min(@SIZE_VARIANCE@ * v[from + 3], @MAX_LOG_SIZE@))
    return floatArrayOf(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
}

fun iou(a: Box, b: Box): Float {
    val w = min(a.x2, b.x2) - max(a.x1, b.x1)
    val h = min(a.y2, b.y2) - max(a.y1, b.y1)
    if (w <= 0 || h <= 0) return 0f
    val both = w * h
    return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both)
}

/** Raw maps by name, of a photo of this size -> detections in its pixels, best first. */
fun detections(maps: Map<String, FloatArray>, photoW: Int, photoH: Int): List<Box> {
    val found = ArrayList<Box>()
    val at = place(photoW, photoH)
    val sx = photoW.toFloat() / at.w
    val sy = photoH.toFloat() / at.h
    val width = if (ANCHOR_FREE) 4 * BINS else 4
    for (stride in STRIDES) {
        val logits = maps.getValue("scores_$stride")
        val boxes = maps.getValue("boxes_$stride")
        var row = 0
        for (y in 0 until INPUT_H / stride) for (x in 0 until INPUT_W / stride) for (a in ANCHORS) {
            if (a.stride != stride) continue
            for (c in LABELS.indices) {
                val score = 1 / (1 + exp(-logits[row * LABELS.size + c]))
                if (score < SCORE_MINS[c]) continue
                val b = decoded(boxes, row * width, a, (x + 0.5f) * stride, (y + 0.5f) * stride)
                found += Box(
                    (b[0] - at.x) * sx, (b[1] - at.y) * sy, (b[2] - at.x) * sx, (b[3] - at.y) * sy, score, c)
            }
            row++
        }
    }
    val kept = ArrayList<Box>()
    for (b in found.sortedByDescending { it.score }) { // stable
        if (kept.size == MAX_DETECTIONS) break
        if (kept.none { it.label == b.label && iou(it, b) > NMS_IOU }) kept += b
    }
    for (b in kept) {
        b.x1 = b.x1.coerceIn(0f, photoW.toFloat()); b.x2 = b.x2.coerceIn(0f, photoW.toFloat())
        b.y1 = b.y1.coerceIn(0f, photoH.toFloat()); b.y2 = b.y2.coerceIn(0f, photoH.toFloat())
    }
    return kept
}

/** Holds the above against the golden vectors of a bundle; exit status 1 if they differ. */
fun main(arguments: Array<String>) {
    val golden = File(arguments.firstOrNull() ?: ".", "golden")
    val ppm = File(golden, "photo.ppm").readBytes()
    val head = String(ppm, 0, min(64, ppm.size), Charsets.ISO_8859_1).split("\n", limit = 4)
    val (w, h) = head[1].split(" ").map { it.toInt() }
    val photo = Image(w, h, ppm.copyOfRange(ppm.size - w * h * 3, ppm.size))
    val expected = File(golden, "input.bin").readBytes()
    val made = input(photo).rgb
    val off = expected.indices.maxOf { abs((expected[it].toInt() and 255) - (made[it].toInt() and 255)) }
    println("input: differs by at most $off of 255")
    val maps = STRIDES.flatMap { listOf("scores_$it", "boxes_$it") }.associateWith { name ->
        val buffer = ByteBuffer.wrap(File(golden, "net/$name.bin").readBytes()).order(ByteOrder.LITTLE_ENDIAN)
        FloatArray(buffer.remaining() / 4) { buffer.float }
    }
    val found = detections(maps, w, h)
    val rows = File(golden, "boxes.txt").readLines().map { line -> line.split(" ").map { it.toFloat() } }
    val same = rows.size == found.size && rows.zip(found).all { (row, b) ->
        row[0].toInt() == b.label && abs(row[1] - b.score) < 1e-3f && abs(row[2] - b.x1) < 0.1f &&
            abs(row[3] - b.y1) < 0.1f && abs(row[4] - b.x2) < 0.1f && abs(row[5] - b.y2) < 0.1f
    }
    println("boxes: ${found.size} of ${rows.size}, ${if (same) "equal" else "different"}")
    if (off > 1 || !same) kotlin.system.exitProcess(1)
}
