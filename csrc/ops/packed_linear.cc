#include "ops/packed_linear.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/check.h"

namespace pyattn {
namespace {

constexpr float kMostInt8 = 127.0F;

// More products of 255 and 127 might not fit 32 bits.
constexpr int64_t kMostInt8Inputs = 65536;

uint16_t to_bfloat16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) {
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  }
  // To nearest, ties to even.
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

}  // namespace

PackedLinear::PackedLinear(const Packing& packing,
                           const std::vector<LinearPart>& parts, int64_t in,
                           std::shared_ptr<Arena> arena, Joined joined)
    : table_(&packing.table),
      dtype_(packing.dtype),
      gated_(joined == Joined::kGated),
      in_(in),
      arena_(std::move(arena)) {
  check(in > 0, "linear", "weight has no columns");
  check(dtype_ != DType::kInt8 || in <= kMostInt8Inputs, "linear",
        "int8 weights have more than 65536 columns; use bfloat16");
  for (const LinearPart& part : parts) {
    check(part.out > 0, "linear", "weight has no rows");
    check(!gated_ || part.out == parts[0].out, "linear",
          "gate and weight have different numbers of rows");
    out_ += part.out;
  }
  out_ = gated_ ? parts[0].out : out_;
  const int64_t columns = panels() * table_->panel;
  weight_ = take<char>(columns * steps() * weight_bytes());
  bias_ = take<float>(columns);
  if (dtype_ == DType::kInt8) {
    scale_ = take<float>(columns);
    sum_ = take<int32_t>(columns);
  }
  int64_t column = 0;
  for (size_t p = 0; p < parts.size(); ++p) {
    for (int64_t o = 0; o < parts[p].out; ++o, ++column) {
      pack_output(parts[p], o,
                  gated_ ? gated_column(o, static_cast<int64_t>(p)) : column);
    }
  }
}

// A vector of the gate's columns, then one of what it gates.
int64_t PackedLinear::gated_column(int64_t output, int64_t part) const {
  const int64_t lanes = table_->lanes;
  return (2 * (output / lanes) + part) * lanes + output % lanes;
}

void PackedLinear::pack_output(const LinearPart& part, int64_t output,
                               int64_t column) {
  const float* from = part.weight + output * in_;
  if (dtype_ == DType::kInt8) {
    pack_int8_row(from, column);
  } else {
    pack_row(from, column);
  }
  if (part.bias != nullptr) {
    bias_[column] = part.bias[output];
  }
}

// Zeros: what lies past the last output or input is multiplied too.
template <class T>
T* PackedLinear::take(int64_t count) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
  bytes_ += bytes;
  void* const memory = arena_->take((bytes + 3) / 4);
  std::memset(memory, 0, static_cast<size_t>(bytes));
  return static_cast<T*>(memory);
}

// Input i of a column; inputs of a word are neighbours.
template <class T>
T* PackedLinear::element(int64_t column, int64_t i) const {
  const int64_t panel = table_->panel;
  const int64_t together = weight_bytes() / static_cast<int64_t>(sizeof(T));
  const int64_t at =
      (column / panel * steps() + i / together) * panel + column % panel;
  return reinterpret_cast<T*>(weight_) + at * together + i % together;
}

void PackedLinear::pack_row(const float* from, int64_t column) {
  for (int64_t i = 0; i < in_; ++i) {
    if (dtype_ == DType::kBFloat16) {
      *element<uint16_t>(column, i) = to_bfloat16(from[i]);
    } else {
      *element<float>(column, i) = from[i];
    }
  }
}

// One scale per output channel, symmetric: the largest weight becomes 127.
void PackedLinear::pack_int8_row(const float* from, int64_t column) {
  float most = 0;
  for (int64_t i = 0; i < in_; ++i) {
    check(std::isfinite(from[i]), "linear",
          "int8 weights must be finite; use float32");
    most = std::max(most, std::fabs(from[i]));
  }
  const float scale = most / kMostInt8;
  scale_[column] = scale;
  int32_t sum = 0;
  for (int64_t i = 0; i < in_; ++i) {
    const float q = scale > 0 ? std::nearbyint(from[i] / scale) : 0.0F;
    const int8_t value =
        static_cast<int8_t>(std::clamp(q, -kMostInt8, kMostInt8));
    sum += value;
    *element<int8_t>(column, i) = value;
  }
  sum_[column] = sum;
}

int64_t PackedLinear::steps() const {
  const Words words = kernel().words;
  const int64_t together = words == Words::kFloats     ? 1
                           : words == Words::kBFloat16 ? 2
                                                       : 4;
  const int64_t whole = (in_ + together - 1) / together;
  return (whole + kernel().steps - 1) / kernel().steps * kernel().steps;
}

int64_t PackedLinear::weight_bytes() const {
  return dtype_ == DType::kBFloat16 && kernel().words == Words::kFloats ? 2 : 4;
}

int64_t PackedLinear::panels() const {
  return (out_ + panel_width() - 1) / panel_width();
}

LinearArgs PackedLinear::columns(int64_t begin_panel, int64_t end_panel) const {
  const int64_t begin = begin_panel * table_->panel;
  LinearArgs args = {};
  args.weight = weight_ + begin * steps() * weight_bytes();
  args.bias = bias_ + begin;
  args.steps = steps();
  args.out =
      std::min(end_panel * panel_width(), out_) - begin_panel * panel_width();
  args.gated = gated_;
  if (dtype_ == DType::kInt8) {
    args.scale = scale_ + begin;
    args.column_sum = sum_ + begin;
  }
  return args;
}

}  // namespace pyattn
