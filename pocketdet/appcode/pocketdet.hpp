// Pre- and post-processing of this bundle's detector; C++17, no dependencies.
// Generated from contract.json: do not edit, run the pipeline again.
// The net between the two: input uint8 or float32 RGB 0..255, outputs float32 by name.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pocketdet {

constexpr int kInputW = @INPUT_W@, kInputH = @INPUT_H@;  // px
constexpr int kClasses = @CLASS_COUNT@;
inline const char* const kLabels[] = {@CLASSES@};
constexpr int kStrides[] = {@STRIDES@};
constexpr float kScoreMin[] = {@SCORE_MINS@};  // of each class
constexpr float kNmsIou = @NMS_IOU@;
constexpr int kMaxDetections = @MAX_DETECTIONS@;
constexpr bool kAnchorFree = @ANCHOR_FREE@, kLetterbox = @LETTERBOX@, kCorners = @CORNERS@;
constexpr int kBins = @BINS@;
constexpr float kCentreVariance = @CENTRE_VARIANCE@, kSizeVariance = @SIZE_VARIANCE@;
constexpr float kMaxLogSize = @MAX_LOG_SIZE@;

struct Anchor { int stride; float w, h; };  // input px
constexpr Anchor kAnchors[] = {@ANCHORS_CPP@};

struct Image { int w = 0, h = 0; std::vector<uint8_t> rgb; };  // rows from the top
struct Place { int x, y, w, h; };                              // of the photo in the input, px
struct Box { float x1, y1, x2, y2, score; int label; };        // photo px
using Maps = std::map<std::string, std::vector<float>>;        // raw maps by name

// Where a photo goes in the input.
inline Place place(int w, int h) {
  double sx = double(kInputW) / w, sy = double(kInputH) / h;
  if (kLetterbox) sx = sy = std::min(sx, sy);
  int pw = std::max(1, int(std::nearbyint(w * sx))), ph = std::max(1, int(std::nearbyint(h * sy)));
  return {(kInputW - pw) / 2, (kInputH - ph) / 2, pw, ph};
}

// One axis of Pillow's antialiased bilinear resampling, with its 22 bits of fixed point.
inline Image resampled(const Image& in, int size, bool rows) {
  const int old = rows ? in.h : in.w, other = rows ? in.w : in.h;
  Image out{rows ? in.w : size, rows ? size : in.h, {}};
  out.rgb.resize(size_t(out.w) * out.h * 3);
  const double scale = double(old) / size, wide = std::max(scale, 1.0);
  for (int k = 0; k < size; ++k) {
    const double centre = (k + 0.5) * scale;
    const int low = std::max(0, int(centre - wide + 0.5));
    const int high = std::min(old, int(centre + wide + 0.5));
    std::vector<double> weight(high - low);
    double total = 0;
    for (int j = low; j < high; ++j) {
      const double d = std::abs((j - centre + 0.5) / wide);
      total += weight[j - low] = d < 1 ? 1 - d : 0;
    }
    for (int i = 0; i < other; ++i)
      for (int c = 0; c < 3; ++c) {
        int sum = 1 << 21;
        for (int j = low; j < high; ++j) {
          const int factor = int(0.5 + weight[j - low] / total * (1 << 22));
          sum += factor * in.rgb[(size_t(rows ? j : i) * in.w + (rows ? i : j)) * 3 + c];
        }
        out.rgb[(size_t(rows ? k : i) * out.w + (rows ? i : k)) * 3 + c] =
            uint8_t(std::clamp(sum >> 22, 0, 255));
      }
  }
  return out;
}

// As MediaPipe: pixel k of n at k * photo / n, to 1/32 px, without antialiasing.
inline Image atCorners(const Image& in, int w, int h) {
  Image out{w, h, std::vector<uint8_t>(size_t(w) * h * 3)};
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      const int py = int(std::nearbyint(y * (32.0 * in.h / h)));
      const int px = int(std::nearbyint(x * (32.0 * in.w / w)));
      const int y0 = py >> 5, x0 = px >> 5, fy = py & 31, fx = px & 31;
      const int y1 = std::min(y0 + 1, in.h - 1), x1 = std::min(x0 + 1, in.w - 1);
      for (int c = 0; c < 3; ++c) {
        auto at = [&](int r, int k) { return int(in.rgb[(size_t(r) * in.w + k) * 3 + c]); };
        const int top = at(y0, x0) * (32 - fx) + at(y0, x1) * fx;
        const int low = at(y1, x0) * (32 - fx) + at(y1, x1) * fx;
        out.rgb[(size_t(y) * w + x) * 3 + c] = uint8_t((top * (32 - fy) + low * fy + 512) >> 10);
      }
    }
  return out;
}

// An upright RGB photo as the net's input.
inline Image input(const Image& photo) {
  const Place at = place(photo.w, photo.h);
  Image small = photo;
  if (kCorners) small = atCorners(photo, at.w, at.h);
  else {
    if (small.w != at.w) small = resampled(small, at.w, false);
    if (small.h != at.h) small = resampled(small, at.h, true);
  }
  Image frame{kInputW, kInputH, std::vector<uint8_t>(size_t(kInputW) * kInputH * 3, @FILL@)};
  for (int y = 0; y < at.h; ++y)
    std::copy_n(&small.rgb[size_t(y) * at.w * 3], size_t(at.w) * 3,
                &frame.rgb[(size_t(y + at.y) * kInputW + at.x) * 3]);
  return frame;
}

// The box of a prediction in input px: 4 offsets, or 4 * kBins logits of distances.
inline Box decoded(const float* v, const Anchor& a, float cx, float cy) {
  if (kAnchorFree) {
    float side[4];
    for (int s = 0; s < 4; ++s) {
      const float* l = v + s * kBins;
      const float top = *std::max_element(l, l + kBins);
      float sum = 0, mean = 0;
      for (int b = 0; b < kBins; ++b) { float e = std::exp(l[b] - top); sum += e; mean += b * e; }
      side[s] = mean / sum * a.stride;
    }
    return {cx - side[0], cy - side[1], cx + side[2], cy + side[3], 0, 0};
  }
  const float x = cx + kCentreVariance * v[0] * a.w, y = cy + kCentreVariance * v[1] * a.h;
  const float w = a.w * std::exp(std::min(kSizeVariance * v[2], kMaxLogSize));
  const float h = a.h * std::exp(std::min(kSizeVariance * v[3], kMaxLogSize));
  return {x - w / 2, y - h / 2, x + w / 2, y + h / 2, 0, 0};
}

inline float iou(const Box& a, const Box& b) {
  const float w = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  const float h = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  if (w <= 0 || h <= 0) return 0;
  const float both = w * h;
  return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both);
}

// Raw maps of a photo of this size -> detections in its pixels, best first.
inline std::vector<Box> detections(const Maps& maps, int photoW, int photoH) {
  std::vector<Box> found;
  const Place at = place(photoW, photoH);
  const float sx = float(photoW) / at.w, sy = float(photoH) / at.h;
  for (int stride : kStrides) {
    const auto& logits = maps.at("scores_" + std::to_string(stride));
    const auto& boxes = maps.at("boxes_" + std::to_string(stride));
    const int width = kAnchorFree ? 4 * kBins : 4;
    size_t row = 0;
    for (int y = 0; y < kInputH / stride; ++y)
      for (int x = 0; x < kInputW / stride; ++x)
        for (const Anchor& a : kAnchors) {
          if (a.stride != stride) continue;
          for (int c = 0; c < kClasses; ++c) {
            const float score = 1 / (1 + std::exp(-logits[row * kClasses + c]));
            if (score < kScoreMin[c]) continue;
            Box b = decoded(&boxes[row * width], a, (x + 0.5f) * stride, (y + 0.5f) * stride);
            found.push_back({(b.x1 - at.x) * sx, (b.y1 - at.y) * sy, (b.x2 - at.x) * sx,
                             (b.y2 - at.y) * sy, score, c});
          }
          ++row;
        }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Box& a, const Box& b) { return a.score > b.score; });
  std::vector<Box> kept;
  for (const Box& b : found) {
    if (int(kept.size()) == kMaxDetections) break;
    if (std::none_of(kept.begin(), kept.end(), [&](const Box& k) {
          return k.label == b.label && iou(k, b) > kNmsIou;
        }))
      kept.push_back(b);
  }
  for (Box& b : kept) {
    b.x1 = std::clamp(b.x1, 0.f, float(photoW)), b.x2 = std::clamp(b.x2, 0.f, float(photoW));
    b.y1 = std::clamp(b.y1, 0.f, float(photoH)), b.y2 = std::clamp(b.y2, 0.f, float(photoH));
  }
  return kept;
}

}  // namespace pocketdet
