#include "ops/int4_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdlib>

#include "base/check.h"
#include "kernels/table.h"

namespace pyattn {
namespace {

constexpr int kMost = 15;       // of s
constexpr int kFixed = 128;     // parts of a scale in which errors are measured
constexpr float kEnd = 120.0F;  // s * q of a row's largest number

// A group's numbers are at most so many s. More would be cut off further than
// any rounding is worth; and sums of squares might not fit 32 bits.
constexpr int kMostSteps = 10;

// A float from here on holds integers alone: to add it rounds to nearest, ties
// to even, and leaves the integer in its lowest bits.
constexpr float kOnlyIntegers = 0x1.8p23F;

int32_t rounded(float x) {
  return std::bit_cast<int32_t>(x + kOnlyIntegers) -
         std::bit_cast<int32_t>(kOnlyIntegers);
}

using Fixed = std::array<int16_t, kInt4Group>;

// q of a group for one s, and the sum of the squared errors.
int32_t try_scale(const Fixed& group, int s, std::array<int16_t, 32>& q) {
  const int16_t step = static_cast<int16_t>(s * kFixed);
  const float inverse = 1.0F / static_cast<float>(step);
  int32_t error = 0;
  for (int64_t i = 0; i < kInt4Group; ++i) {
    const float steps = static_cast<float>(group[i]) * inverse;
    q[i] = static_cast<int16_t>(std::clamp(rounded(steps), -8, 7));
  }
  for (int64_t i = 0; i < kInt4Group; ++i) {
    const int16_t left = static_cast<int16_t>(group[i] - q[i] * step);
    error += left * left;
  }
  return error;
}

int best_scale(const Fixed& group, std::array<int16_t, 32>& q) {
  int most = 0;
  for (const int16_t number : group) {
    most = std::max(most, std::abs(number));
  }
  const int least =
      std::max((most + kMostSteps * kFixed - 1) / (kMostSteps * kFixed), 1);
  int best = least;
  int32_t error = INT32_MAX;
  for (int size = least; size <= kMost; ++size) {
    for (const int s : {size, -size}) {
      std::array<int16_t, 32> tried;
      const int32_t now = try_scale(group, s, tried);
      if (now < error) {
        error = now;
        best = s;
        q = tried;
      }
    }
  }
  return best;
}

}  // namespace

void round_to_int4(const float* from, int64_t columns, Int4Row& to) {
  float most = 0;
  for (int64_t i = 0; i < columns; ++i) {
    check(std::isfinite(from[i]), "linear",
          "int4 weights must be finite; use float32");
    most = std::max(most, std::fabs(from[i]));
  }
  // Of numbers so small that their 120th part has no digits left nothing
  // remains.
  to.scale = most / kEnd < FLT_MIN ? 1.0F : most / kEnd;
  to.sum = 0;
  for (int64_t begin = 0; begin < columns; begin += kInt4Group) {
    const int64_t count = std::min(columns - begin, kInt4Group);
    Fixed group = {};
    for (int64_t i = 0; i < count; ++i) {
      const float parts = from[begin + i] / to.scale * kFixed;
      group[i] = static_cast<int16_t>(rounded(parts));
    }
    std::array<int16_t, 32> q = {};
    const int s = best_scale(group, q);
    to.s[begin / kInt4Group] = static_cast<int8_t>(s);
    for (int64_t i = 0; i < count; ++i) {
      to.q[begin + i] = static_cast<int8_t>(q[i]);
      to.sum += s * q[i];
    }
  }
}

void read_int4(const StoredMatrix& from, int64_t row, int64_t columns,
               Int4Row& to) {
  check(std::isfinite(from.scale[row]), "linear",
        "int4 weights must be finite; use float32");
  const int64_t groups = groups_of(columns);
  const int8_t* s = from.group_scale + row * groups;
  for (int64_t g = 0; g < groups; ++g) {
    check(std::abs(s[g]) <= kMost, "linear",
          "int4 weights have a scale of a group beyond 15");
    to.s[g] = s[g];
  }
  to.scale = from.scale[row];
  to.sum = 0;
  const char* q = from.row(row, columns);
  for (int64_t i = 0; i < columns; ++i) {
    const int number = int4_at(q, i);
    to.q[i] = static_cast<int8_t>(number);
    to.sum += s[i / kInt4Group] * number;
  }
}

}  // namespace pyattn
