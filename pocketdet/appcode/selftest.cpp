// Holds pocketdet.hpp against the bundle's golden vectors:
//   g++ -std=c++17 -O2 app/selftest.cpp -o selftest && ./selftest .      in the bundle's folder
#include "pocketdet.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

static std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) { std::fprintf(stderr, "%s: not found\n", path.c_str()); std::exit(1); }
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char** argv) {
  const std::string golden = std::string(argc > 1 ? argv[1] : ".") + "/golden/";
  std::istringstream ppm(slurp(golden + "photo.ppm"));
  std::string magic;
  int most = 0;
  pocketdet::Image photo;
  ppm >> magic >> photo.w >> photo.h >> most;
  ppm.get();
  photo.rgb.assign(std::istreambuf_iterator<char>(ppm), {});

  const std::string expected = slurp(golden + "input.bin");
  const auto input = pocketdet::input(photo);
  int off = 0;
  for (size_t k = 0; k < expected.size(); ++k)
    off = std::max(off, std::abs(int(input.rgb.at(k)) - int(uint8_t(expected[k]))));
  std::printf("input: differs by at most %d of 255\n", off);

  pocketdet::Maps maps;
  for (int stride : pocketdet::kStrides)
    for (std::string kind : {"scores_", "boxes_"}) {
      const std::string bytes = slurp(golden + "net/" + kind + std::to_string(stride) + ".bin");
      auto& map = maps[kind + std::to_string(stride)];
      map.resize(bytes.size() / sizeof(float));
      std::copy_n(bytes.data(), bytes.size(), reinterpret_cast<char*>(map.data()));
    }
  const auto found = pocketdet::detections(maps, photo.w, photo.h);
  std::istringstream lines(slurp(golden + "boxes.txt"));
  size_t count = 0;
  double apart = 0;
  pocketdet::Box b{};
  while (lines >> b.label >> b.score >> b.x1 >> b.y1 >> b.x2 >> b.y2) {
    if (count >= found.size() || found[count].label != b.label) { apart = 1e9; break; }
    const auto& f = found[count++];
    apart = std::max({apart, double(std::abs(f.x1 - b.x1)), double(std::abs(f.y1 - b.y1)),
                      double(std::abs(f.x2 - b.x2)), double(std::abs(f.y2 - b.y2)),
                      100 * double(std::abs(f.score - b.score))});
  }
  std::printf("boxes: %zu of %zu, at most %.4f px apart\n", count, found.size(), apart);
  return off <= 1 && count == found.size() && apart < 0.1 ? 0 : 1;
}
