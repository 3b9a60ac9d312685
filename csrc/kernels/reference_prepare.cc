// The slow definition of how floats become words: an element at a time.
#include "kernels/reference_prepare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pyattn {
namespace {

void quantize_row(const float* x, int64_t dim, int8_t* q, int64_t count,
                  float* scale, int32_t* zero) {
  float low = 0, high = 0;
  bool finite = true;
  for (int64_t i = 0; i < dim; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
    finite = finite && std::isfinite(x[i]);
  }
  *scale = finite ? high / 255.0F - low / 255.0F
                  : std::numeric_limits<float>::quiet_NaN();
  const float inverse = finite && *scale > 0 ? 1.0F / *scale : 0.0F;
  // Infinity times nothing would be no number, which no integer is.
  const int from =
      inverse > 0 ? static_cast<int>(std::nearbyint(-low * inverse)) : 0;
  *zero = kReferenceLeast + from;
  for (int64_t i = 0; i < count; ++i) {
    const int value =
        i < dim && inverse > 0
            ? from + static_cast<int>(std::nearbyint(x[i] * inverse))
            : from;
    q[i] = static_cast<int8_t>(kReferenceLeast + (value < 255 ? value : 255));
  }
}

void quantize_groups(const float* x, int64_t dim, char* words) {
  const int64_t steps = grouped_steps(dim);
  const int64_t groups = steps / kInputGroupSteps;
  char* behind = words + steps * 4;
  float* scales = reinterpret_cast<float*>(behind);
  int32_t* zeros = reinterpret_cast<int32_t*>(behind + groups * 4);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t at = g * kInputGroup;
    quantize_row(x + at, dim - at < kInputGroup ? dim - at : kInputGroup,
                 reinterpret_cast<int8_t*>(words) + at, kInputGroup, scales + g,
                 zeros + g);
  }
}

uint16_t to_bfloat16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  // To nearest, ties to even.
  return static_cast<uint16_t>(
      (std::isnan(x) ? bits | 0x400000 : bits + 0x7FFF + (bits >> 16 & 1)) >>
      16);
}

}  // namespace

// Products of the reference read floats, or int8; caches keep bfloat16 too.
void reference_prepare(const PrepareArgs& args) {
  for (int64_t row = 0; row < args.rows; ++row) {
    if (args.words.kind == Words::kBFloat16) {
      const float* x = args.x + row * args.x_stride;
      auto* y =
          static_cast<uint16_t*>(args.words.data) + row * args.words.stride * 2;
      for (int64_t i = 0; i < args.words.stride * 2; ++i) {
        y[i] = i < args.dim ? to_bfloat16(x[i]) : uint16_t{0};
      }
      continue;
    }
    if (args.words.kind == Words::kInt8Groups) {
      quantize_groups(
          args.x + row * args.x_stride, args.dim,
          static_cast<char*>(args.words.data) + row * args.words.stride * 4);
      continue;
    }
    quantize_row(
        args.x + row * args.x_stride, args.dim,
        static_cast<int8_t*>(args.words.data) + row * args.words.stride * 4,
        args.words.stride * 4, args.words.scale + row, args.words.zero + row);
  }
}

void reference_heads_to_int8(const HeadsToInt8Args& args) {
  for (int64_t head = 0; head < args.heads; ++head) {
    const float* const x = args.x + head * args.head_dim;
    float most = 0;
    bool finite = true;
    for (int64_t i = 0; i < args.head_dim; ++i) {
      most = std::max(most, std::abs(x[i]));
      finite = finite && std::isfinite(x[i]);
    }
    const float scale = finite ? most / 127 : NAN;
    args.scales[head * args.scale_stride] = scale;
    for (int64_t i = 0; i < args.head_dim; ++i) {
      args.y[head * args.head_dim + i] =
          static_cast<int8_t>(scale > 0 ? std::nearbyint(x[i] / scale) : 0);
    }
  }
}

}  // namespace pyattn
