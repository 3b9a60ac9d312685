// The slow definition of what a search of the vocabulary computes.
#include "kernels/reference_search.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pyattn {
namespace {

// As in reference.cc.
constexpr int64_t kPanel = 8;
constexpr int kLeast = -128;

int32_t sum_of(const LinearArgs& args, int64_t row, int64_t column) {
  const auto* const x = static_cast<const int8_t*>(args.x);
  const auto* const weight = static_cast<const int8_t*>(args.weight);
  const int64_t first = column / kPanel * kPanel * args.steps + column % kPanel;
  int32_t sum = -args.x_zero[row] * args.column_sum[column];
  for (int64_t i = 0; i < args.steps; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      sum += x[(row * args.x_stride + i) * 4 + j] *
             weight[(first + i * kPanel) * 4 + j];
    }
  }
  return sum;
}

double norm(const float* x, int64_t count) {
  double squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    squares += static_cast<double>(x[i]) * x[i];
  }
  return std::sqrt(squares);
}

}  // namespace

void reference_bounds(const LinearArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t begin = 0; begin < args.out; begin += kPanel) {
      BoundHits& hits = *args.hits;
      int32_t* const sums = hits.sums + hits.count * kPanel;
      uint32_t above = 0;
      for (int column = 0; column < kPanel; ++column) {
        sums[column] = sum_of(args, row, begin + column);
        above |= (sums[column] > args.bar[row] ? 1U : 0U) << column;
      }
      if (above != 0) {
        hits.rows[hits.count] = static_cast<int32_t>(row);
        hits.panels[hits.count] = static_cast<int32_t>(begin / kPanel);
        hits.above[hits.count++] = above;
      }
    }
  }
}

void reference_bound_row(const BoundRowArgs& args) {
  *args.scale = std::numeric_limits<float>::quiet_NaN();
  const double whole = norm(args.z, args.dim);
  if (!(whole < args.most_norm && whole > 1e-8)) {
    return;
  }
  double most = 0;
  for (int64_t i = 0; i < args.kept; ++i) {
    most = std::max(most, std::fabs(static_cast<double>(args.z[i])));
  }
  constexpr int64_t kBlocks = kBoundNorms - 1;
  const int64_t others = args.dim - args.kept;
  double norms[kBoundNorms] = {};
  for (int64_t block = 0; block < kBlocks; ++block) {
    const int64_t begin = args.kept + others * block / kBlocks;
    const int64_t end = args.kept + others * (block + 1) / kBlocks;
    norms[1 + block] = norm(args.z + begin, end - begin) * (1 + 1e-12);
    most = std::max(most, norms[1 + block] * args.factors[1 + block] * 1.03);
  }
  const float scale = static_cast<float>(most / 127);
  double kept = 0, errors = 0;
  for (int64_t i = 0; i < args.kept; ++i) {
    const double q =
        std::clamp(std::nearbyint(args.z[i] / double{scale}), -127.0, 127.0);
    args.words[i] = static_cast<int8_t>(q + kLeast + 128);
    kept += q * scale * q * scale;
    errors += std::pow(args.z[i] - q * scale, 2);
  }
  norms[0] = std::sqrt(errors) * (1 + 1e-12);
  for (int64_t i = 0; i < kBoundNorms; ++i) {
    const double steps =
        std::ceil(norms[i] * args.factors[i] / scale * (1 + 1e-12));
    if (!(steps <= 127)) {
      return;
    }
    args.words[args.kept + i] = static_cast<int8_t>(steps + kLeast + 128);
  }
  *args.kept_norm = static_cast<float>(std::sqrt(kept) * (1 + 1e-6));
  *args.norm = static_cast<float>(whole * (1 + 1e-6));
  *args.scale = scale;
}

void reference_dots(const DotsArgs& args) {
  for (int64_t i = 0; i < args.count; ++i) {
    const int64_t row = args.rows[i], column = args.columns[i];
    const auto* const x =
        reinterpret_cast<const int8_t*>(args.x + row * args.bytes);
    const auto* const weight =
        reinterpret_cast<const int8_t*>(args.weight + column * args.bytes);
    double sum = 0;
    for (int64_t at = 0; at < args.bytes; ++at) {
      sum += static_cast<double>(x[at]) * weight[at];
    }
    sum -= static_cast<double>(args.x_zero[row]) * args.column_sum[column];
    sum *= static_cast<double>(args.x_scale[row]) * args.scale[column];
    args.y[i] = static_cast<float>(sum + args.bias[column]);
  }
}

}  // namespace pyattn
