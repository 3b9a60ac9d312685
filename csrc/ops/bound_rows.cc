// A row's part of the bounds of ops/vocabulary_search.h.
#include <algorithm>
#include <cmath>

#include "ops/vocabulary_search.h"

namespace pyattn {
namespace {

// In lanes, so that it makes vectors.
float sum_of_squares(const float* x, int64_t count) {
  constexpr int64_t kLanes = 16;
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += x[i + lane] * x[i + lane];
    }
  }
  float sum = 0;
  for (; i < count; ++i) {
    sum += x[i] * x[i];
  }
  for (const float lane : lanes) {
    sum += lane;
  }
  return sum;
}

}  // namespace

// The first coordinates in int8, then the norms in the same steps, rounded up.
BoundedRow VocabularySearch::bound(const float* z, float* kept,
                                   const WordRows& words) const {
  const KernelTable& table = output_.table();
  const int64_t dim = output_.in(), count = kept_;
  constexpr int64_t kBlocks = kNorms - 2;
  float norms[kNorms];
  float squares = sum_of_squares(z, count);
  norms[0] = std::sqrt(squares);
  for (int64_t block = 0; block < kBlocks; ++block) {
    const int64_t begin = count + (dim - count) * block / kBlocks;
    const int64_t end = count + (dim - count) * (block + 1) / kBlocks;
    const float own = sum_of_squares(z + begin, end - begin);
    squares += own;
    norms[2 + block] = std::sqrt(own);
  }
  const float norm = std::sqrt(squares);
  if (!(norm < most_norm_)) {
    return {0, true};  // or it is NaN
  }

  // The range holds the norms, but for that of the rounding, which is not known
  // yet and small.
  float most = 0;
  for (int64_t i = 0; i < kNorms; ++i) {
    most = std::max(most, i == 1 ? 0 : norms[i] * factors_[i]);
  }
  constexpr float kRoundedUp = 1.03F;
  std::copy_n(z, count, kept);
  std::fill_n(kept + count, kNorms, 0.0F);
  kept[count] = most * kRoundedUp;
  table.prepare({.x = kept,
                 .words = words,
                 .rows = 1,
                 .dim = count + kNorms,
                 .x_stride = count + kNorms});
  const int32_t zero = *words.zero;
  const float scale = *words.scale;
  const float slack =
      slack_ + slack_per_norm_ * norm + slack_per_scale_ * scale;

  // By how much what is read differs from what was meant.
  uint8_t* const bytes = static_cast<uint8_t*>(words.data);
  const int32_t sign = table.least == 0 ? 0 : 0x80;  // as if all began at 0
  const int32_t from = table.least - zero;
  for (int64_t i = 0; i < count; ++i) {
    const float read = scale * static_cast<float>((bytes[i] ^ sign) + from);
    kept[i] -= read;
  }
  const float error = std::sqrt(sum_of_squares(kept, count));
  norms[0] += error;  // at least the norm of what is read
  // The differences are rounded, too, by less than this share of the numbers.
  norms[1] = error + 0x1p-21F * norms[0];

  // Sums of `dim` squares, and what follows, are rounded.
  const float up = 1 + 0x1p-22F * static_cast<float>(dim + 16);
  const float most_steps = static_cast<float>(table.least + 255 - zero);
  for (int64_t i = 0; i < kNorms; ++i) {
    const float steps = std::ceil(norms[i] * up * factors_[i] / scale);
    if (!(steps <= most_steps)) {
      return {0, true};
    }
    bytes[count + i] = static_cast<uint8_t>(static_cast<int32_t>(steps) + zero);
  }
  return {slack, false};
}

}  // namespace pyattn
