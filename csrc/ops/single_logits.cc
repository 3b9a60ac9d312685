#include "ops/single_logits.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace pyattn {
namespace {

// A vector of the widest level.
constexpr int64_t kLineBytes = 64;

// Logits that a call of the kernel computes, while the weights of the next are
// fetched: of each so many bytes, hardware prefetchers see to the others.
constexpr size_t kTogether = 16;
constexpr int64_t kMostFetched = 256;

// Rows that are multiplied by a panel at once.
constexpr int64_t kMostRows = 32;

// Words of kInt8Split to those of kInt8: bytes with the parts that were split
// off them, from the least on. What stands for 0 then.
int32_t join_parts(const LinearArgs& args, int8_t* words, int64_t bytes) {
  const char* const behind = static_cast<const char*>(args.x) + bytes;
  SplitRest rest;
  std::memcpy(&rest, behind, sizeof(rest));
  const SplitPart* const parts =
      rest.apart != 0
          ? args.x_parts
          : reinterpret_cast<const SplitPart*>(behind + sizeof(rest));
  std::vector<int32_t> whole(words, words + bytes);
  for (int32_t i = 0; i < rest.parts; ++i) {
    const SplitPart& part = parts[i];
    for (int at = 0; at < 4; ++at) {
      whole[part.step * 4 + at] += part.inputs[at];
    }
  }
  for (int64_t i = 0; i < bytes; ++i) {
    words[i] = static_cast<int8_t>(whole[i] - *args.x_zero + rest.int8_zero);
  }
  return rest.int8_zero;
}

}  // namespace

OutputRows::OutputRows(const PackedLinear& output) {
  if (output.dtype() != DType::kInt8) {
    return;
  }
  const int64_t own = output.steps() * output.weight_bytes();
  bytes_ = (own + kLineBytes - 1) / kLineBytes * kLineBytes;
  rows_ = Buffer<char>(output.out() * bytes_);
  for (int64_t column = 0; column < output.out(); ++column) {
    char* const row = rows_.data() + column * bytes_;
    output.read_words(column, row);
    std::memset(row + own, 0, static_cast<size_t>(bytes_ - own));
  }
}

SingleLogits::SingleLogits(const PackedLinear& output,
                           const OutputRows& weights, const LinearInput& input,
                           int64_t count)
    : output_(output), weights_(weights), input_(input) {
  if (weights.empty()) {
    return;
  }
  const int64_t bytes = weights.row_bytes(), own = output.steps() * 4;
  x_ = Buffer<char>(count * bytes);
  zeros_ = Buffer<int32_t>(count);
  LinearArgs args = {};
  for (int64_t row = 0; row < count; ++row) {
    input.set(args, row);
    char* const to = x_.data() + row * bytes;
    std::memcpy(to, args.x, static_cast<size_t>(own));
    zeros_[row] = args.words == Words::kInt8Split
                      ? join_parts(args, reinterpret_cast<int8_t*>(to), own)
                      : *args.x_zero;
    std::memset(to + own, 0, static_cast<size_t>(bytes - own));
  }
}

void SingleLogits::compute(std::span<Place> places, float* logits) const {
  if (weights_.empty()) {
    const int64_t panel = output_.table().panel;
    std::sort(places.begin(), places.end(), [&](Place a, Place b) {
      const int64_t left = a.column / panel, right = b.column / panel;
      return left != right ? left < right : a.row < b.row;
    });
    for (size_t begin = 0, end; begin < places.size(); begin = end) {
      int64_t rows = 1;
      for (end = begin + 1; end < places.size() && rows <= kMostRows; ++end) {
        if (places[end].column / panel != places[begin].column / panel) {
          break;
        }
        rows += places[end].row != places[end - 1].row ? 1 : 0;
      }
      compute_panel(places.subspan(begin, end - begin), logits + begin);
    }
    return;
  }
  LinearArgs args = output_.columns(0, output_.panels());
  input_.set(args, 0);
  int32_t rows[kTogether], columns[kTogether];
  fetch(places, 0);
  for (size_t begin = 0; begin < places.size(); begin += kTogether) {
    const size_t count = std::min(kTogether, places.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      rows[i] = places[begin + i].row;
      columns[i] = places[begin + i].column;
    }
    fetch(places, begin + kTogether);
    output_.table().dots({.x = x_.data(),
                          .weight = weights_.data(),
                          .bytes = weights_.row_bytes(),
                          .x_scale = args.x_scale,
                          .x_zero = zeros_.data(),
                          .scale = args.scale,
                          .column_sum = args.column_sum,
                          .bias = args.bias,
                          .rows = rows,
                          .columns = columns,
                          .y = logits + begin,
                          .count = static_cast<int64_t>(count)});
  }
}

// Weights of places from `begin` on, while those before are multiplied.
void SingleLogits::fetch(std::span<const Place> places, size_t begin) const {
  const size_t end = std::min(begin + kTogether, places.size());
  for (size_t i = begin; i < end; ++i) {
    const char* const row =
        weights_.data() + places[i].column * weights_.row_bytes();
    const int64_t bytes = std::min(weights_.row_bytes(), kMostFetched);
    for (int64_t at = 0; at < bytes; at += kLineBytes) {
      __builtin_prefetch(row + at);
    }
  }
}

// Logits of one panel, for rows in ascending order.
void SingleLogits::compute_panel(std::span<const Place> places,
                                 float* logits) const {
  const int64_t width = output_.table().panel;
  const int64_t panel = places.front().column / width;
  LinearArgs args = output_.columns(panel, panel + 1);
  const int64_t stride = row_stride(args.steps);
  const int64_t most = static_cast<int64_t>(places.size());
  Buffer<float> words((most + output_.kernel().rows - 1) * stride);
  Buffer<float> y(most * width);
  int64_t count = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    if (i == 0 || places[i].row != places[i - 1].row) {
      input_.set(args, places[i].row);
      std::memcpy(words.data() + count * stride, args.x,
                  static_cast<size_t>(args.steps) * 4);
      ++count;
    }
  }
  args.x = words.data();
  args.x_stride = stride;
  args.rows = count;
  args.y = y.data();
  args.y_stride = width;
  output_.run(args);
  int64_t at = -1;
  for (size_t i = 0; i < places.size(); ++i) {
    at += i == 0 || places[i].row != places[i - 1].row ? 1 : 0;
    logits[i] = y[at * width + places[i].column % width];
  }
}

}  // namespace pyattn
