// Runs this bundle's Core ML package through Vision; iOS 16 or later.
// Generated from contract.json: do not edit, run the pipeline again.
// NOT COMPILED HERE: no Swift compiler was at hand where this was generated and tested.
//
// Add detector.mlpackage to the Xcode target, which compiles it to detector.mlmodelc.
import CoreML
import Foundation
import Vision

public struct Detection {
    public let label: String
    public let score: Float
    public let box: CGRect  // photo px, origin at the top left
}

public final class Pocketdet {
    public static let labels = [@CLASSES@]
    public static let scoreMins: [Float] = [@SCORE_MINS_PLAIN@]  // of each class
    public static let nmsIou = @NMS_IOU_DOUBLE@
    public static let inputSize = CGSize(width: @INPUT_W@, height: @INPUT_H@)
    private let model: VNCoreMLModel

    public init(package: URL) throws {
        model = try VNCoreMLModel(for: MLModel(contentsOf: package))
        // Thresholds are inputs of the package; these are the ones that it holds by default.
        model.featureProvider = try MLDictionaryFeatureProvider(dictionary: [
            "iouThreshold": Self.nmsIou, "confidenceThreshold": @SCORE_MIN@,
        ])
    }

    /// Detections in an upright photo, best first.
    public func detections(in photo: CGImage) throws -> [Detection] {
        let request = VNCoreMLRequest(model: model)
        request.imageCropAndScaleOption = .@VISION_OPTION@  // the rule that the net was trained with
        try VNImageRequestHandler(cgImage: photo).perform([request])
        let found = (request.results as? [VNRecognizedObjectObservation]) ?? []
        let size = CGSize(width: photo.width, height: photo.height)
        return found.compactMap { observation -> Detection? in
            guard let best = observation.labels.first,
                let number = Self.labels.firstIndex(of: best.identifier),
                best.confidence >= Self.scoreMins[number]
            else { return nil }
            let b = observation.boundingBox  // shares of the photo, origin at the bottom left
            let box = CGRect(
                x: b.minX * size.width, y: (1 - b.maxY) * size.height,
                width: b.width * size.width, height: b.height * size.height)
            return Detection(label: best.identifier, score: best.confidence, box: box)
        }.sorted { $0.score > $1.score }
    }

    /// Holds detections of golden/photo.ppm (as a CGImage) against golden/boxes.txt of the bundle:
    /// the share of its boxes that have a counterpart of their class with IoU >= 0.9.
    public func agreement(photo: CGImage, boxes: URL) throws -> Double {
        let rows = try String(contentsOf: boxes, encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: " ").compactMap { Double($0) }
        }
        let found = try detections(in: photo)
        let met = rows.filter { row in
            let box = CGRect(x: row[2], y: row[3], width: row[4] - row[2], height: row[5] - row[3])
            return found.contains { other in
                let both = box.intersection(other.box)
                let area = both.isNull ? 0 : both.width * both.height
                let all = box.width * box.height + other.box.width * other.box.height - area
                return other.label == Self.labels[Int(row[0])] && area / all >= 0.9
            }
        }
        return rows.isEmpty ? 1 : Double(met.count) / Double(rows.count)
    }
}
