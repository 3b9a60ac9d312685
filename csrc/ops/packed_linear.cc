#include "ops/packed_linear.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/threads.h"
#include "ops/turned_rows.h"
#include "ops/weight_rows.h"

namespace pyattn {
namespace {

// More products of 255 and 127 might not fit 32 bits.
constexpr int64_t kMostInt8Inputs = 65536;

// Rows of an input that are multiplied by one expanded panel after the other
// are so few that they stay in L2.
constexpr int64_t kExpandedBytes = 256 * 1024;

bool has_scales(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kInt4 ||
         dtype == DType::kInt8Grouped;
}

// Weights that a job packs: long enough for threads to share, and short enough
// for what was read of a file to be let go soon.
constexpr int64_t kJobWeights = int64_t{2} << 20;

constexpr int64_t kCacheLine = 64;

// Of a part, what is read before it is said to be.
constexpr int64_t kBytesRead = int64_t{1} << 20;

// Tells the parts of a product how far they have been read.
class Readers {
 public:
  Readers(const std::vector<LinearPart>& parts, int64_t in, bool gated)
      : parts_(parts), in_(in), gated_(gated), told_(parts.size(), 0) {}

  // The first so many outputs have been packed; of a gated product, of each
  // part.
  void packed(int64_t outputs) {
    int64_t before = 0;
    for (size_t p = 0; p < parts_.size(); ++p) {
      tell(p, std::clamp<int64_t>(outputs - before, 0, parts_[p].out));
      before += gated_ ? 0 : parts_[p].out;
    }
  }

 private:
  void tell(size_t p, int64_t end) {
    const LinearPart& part = parts_[p];
    const int64_t bytes =
        (end - told_[p]) * pyattn::row_bytes(part.weight.storage, in_);
    if (part.weight.was_read && end > told_[p] &&
        (bytes >= kBytesRead || end == part.out)) {
      part.weight.was_read(told_[p], end);
      told_[p] = end;
    }
  }

  const std::vector<LinearPart>& parts_;
  const int64_t in_;
  const bool gated_;
  std::vector<int64_t> told_;  // rows of each part
};

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
  check(!has_scales(dtype_) || in <= kMostInt8Inputs, "linear",
        "int8 weights have more than 65536 columns; use bfloat16");
  for (const LinearPart& part : parts) {
    check(part.out > 0, "linear", "weight has no rows");
    check(!gated_ || part.out == parts[0].out, "linear",
          "gate and weight have different numbers of rows");
    out_ += part.out;
  }
  out_ = gated_ ? parts[0].out : out_;
  const int64_t columns = panels() * table_->panel;
  weight_ = take<char>(panels() * panel_bytes());
  bias_ = take<float>(columns);
  if (has_scales(dtype_)) {
    scale_ = take<float>(columns);
    sum_ = take<int32_t>(columns);
  }
  pack(parts, packing.run);
}

// What a column of the panels computes. Where there is a gate, a vector of the
// gate's columns is followed by one of what it gates.
PackedLinear::Output PackedLinear::output_of(
    const std::vector<LinearPart>& parts, int64_t column) const {
  if (gated_) {
    const int64_t lanes = table_->lanes;
    const int64_t row = column / lanes / 2 * lanes + column % lanes;
    return {row < out_ ? &parts[column / lanes % 2] : nullptr, row};
  }
  for (const LinearPart& part : parts) {
    if (column < part.out) {
      return {&part, column};
    }
    column -= part.out;
  }
  return {nullptr, 0};
}

// A job at a time, since those who wait for what was read are called on this
// thread alone.
void PackedLinear::pack(const std::vector<LinearPart>& parts,
                        const JobRunner& run) {
  const int64_t panel_weights = table_->panel * in_;
  const int64_t most = kJobWeights / panel_weights + 1;
  Readers readers(parts, in_, gated_);
  for (int64_t begin = 0; begin < panels(); begin += most) {
    const int64_t count = std::min(most, panels() - begin);
    run([&] {
      parallel_for(count, grain(panel_weights), [&](int64_t from, int64_t to) {
        pack_panels(parts, begin + from, begin + to);
      });
    });
    readers.packed((begin + count) * panel_width());
  }
}

// A panel at a time: its columns below each other, each in the product's number
// type, are turned to lie side by side. What lies past the last output or input
// is multiplied too, and must be zeros.
void PackedLinear::pack_panels(const std::vector<LinearPart>& parts,
                               int64_t begin, int64_t end) {
  const int64_t panel = table_->panel;
  const int64_t bytes = row_bytes();
  const int64_t stride = row_stride();
  Buffer<char> rows(panel * stride);
  std::memset(rows.data(), 0, static_cast<size_t>(rows.size()));
  WeightRows weights(dtype_, in_);
  for (int64_t p = begin; p < end; ++p) {
    for (int64_t c = 0; c < panel; ++c) {
      const int64_t column = p * panel + c;
      const auto [part, row] = output_of(parts, column);
      char* const to = rows.data() + c * stride;
      bias_[column] = 0;
      Int8Row int8 = {};
      if (part == nullptr) {
        std::memset(to, 0, static_cast<size_t>(bytes));
      } else {
        int8 = weights.write(part->weight, row, to);
        bias_[column] = part->bias == nullptr ? 0.0F : part->bias[row];
      }
      if (has_scales(dtype_)) {
        scale_[column] = int8.scale;
        sum_[column] = int8.sum;
      }
    }
    turn_panel(rows.data(), weight_ + p * panel_bytes());
  }
}

void PackedLinear::turn_panel(const char* rows, char* to) const {
  const int64_t panel = table_->panel;
  const PanelRows from = {rows, panel, steps(), row_stride()};
  if (dtype_ == DType::kInt4) {
    std::memset(to, 0, static_cast<size_t>(panel_bytes()));
    for (int64_t g = 0; g < steps() / kInt4Steps; ++g) {
      const Int4Place place = int4_place(g, panel);
      for (int64_t c = 0; c < panel; ++c) {
        const char* group = rows + c * row_stride() + g * kInt4RowBytes;
        for (int64_t word = 0; word < kInt4Steps / 2; ++word) {
          std::memcpy(to + place.words + (word * panel + c) * 4,
                      group + word * 4, 4);
        }
        to[place.scale + c] = group[kInt4Group / 2];
      }
    }
  } else if (dtype_ == DType::kInt8Grouped) {
    turn_groups(from, to);
  } else if (weight_bytes() == 2) {
    turn<uint16_t>(from, 0, steps(), to);
  } else {
    turn<uint32_t>(from, 0, steps(), to);
  }
}

template <class T>
T* PackedLinear::take(int64_t count) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
  bytes_ += bytes;
  return reinterpret_cast<T*>(arena_->take((bytes + 3) / 4));
}

void PackedLinear::read_words(int64_t column, char* to) const {
  const int64_t panel = table_->panel, word = weight_bytes();
  const char* const from = weight_ + column / panel * panel_bytes();
  for (int64_t step = 0; step < steps(); ++step) {
    std::memcpy(to + step * word, from + (step * panel + column % panel) * word,
                static_cast<size_t>(word));
  }
}

float PackedLinear::read_column(int64_t column, float* to) const {
  const int64_t panel = column / table_->panel, lane = column % table_->panel;
  const LinearArgs args = columns(panel, panel + 1);
  // Gathered as a row of a matrix in the number type, which is read as such.
  Buffer<char> row(steps() * weight_bytes());
  read_words(column, row.data());
  read_row({.data = row.data(),
            .storage = dtype_ == DType::kInt8       ? Storage::kInt8
                       : dtype_ == DType::kBFloat16 ? Storage::kBFloat16
                                                    : Storage::kFloat32,
            .scale = args.scale == nullptr ? nullptr : args.scale + lane},
           0, in_, to);
  return args.bias[lane];
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

int64_t PackedLinear::panel_bytes() const {
  switch (dtype_) {
    case DType::kInt4:
      return int4_panel_bytes(steps(), table_->panel);
    case DType::kInt8Grouped:
      return steps() / kInputGroupSteps * grouped_bytes(table_->panel);
    default:
      return steps() * table_->panel * weight_bytes();
  }
}

// Bytes of a column before it is turned.
int64_t PackedLinear::row_bytes() const {
  return dtype_ == DType::kInt4 ? steps() / kInt4Steps * kInt4RowBytes
                                : steps() * weight_bytes();
}

// Rows whose distance is a power of two would share a few sets of the cache.
int64_t PackedLinear::row_stride() const { return row_bytes() + kCacheLine; }

int64_t PackedLinear::panels() const {
  return (out_ + panel_width() - 1) / panel_width();
}

LinearArgs PackedLinear::columns(int64_t begin_panel, int64_t end_panel) const {
  const int64_t begin = begin_panel * table_->panel;
  LinearArgs args = {};
  args.weight = weight_ + begin_panel * panel_bytes();
  args.bias = bias_ + begin;
  args.steps = steps();
  args.out =
      std::min(end_panel * panel_width(), out_) - begin_panel * panel_width();
  args.gated = gated_;
  if (has_scales(dtype_)) {
    args.scale = scale_ + begin;
    args.column_sum = sum_ + begin;
  }
  return args;
}

void PackedLinear::run(const LinearArgs& args) const {
  if (dtype_ != DType::kInt4 || args.rows <= kernel().most_rows) {
    kernel().run(args);
    return;
  }
  Buffer<char> words(steps() * table_->panel * 4);
  const int64_t most = kExpandedBytes / (steps() * 4) / 32 * 32;
  const int64_t block = std::max<int64_t>(most, 64);
  for (int64_t row = 0; row < args.rows; row += block) {
    run_expanded(args, row, std::min(block, args.rows - row), words.data());
  }
}

// Some rows with one panel after the other.
void PackedLinear::run_expanded(const LinearArgs& args, int64_t row,
                                int64_t rows, char* words) const {
  LinearArgs panel = args;
  panel.x = static_cast<const char*>(args.x) + row * args.x_stride * 4;
  panel.x_scale = args.x_scale + row;
  panel.x_zero = args.x_zero + row;
  panel.weight = words;
  panel.next = words;
  panel.rows = rows;
  for (int64_t at = 0; at < args.out; at += panel_width()) {
    const int64_t p = at / panel_width();
    table_->expand(
        {.weight = static_cast<const char*>(args.weight) + p * panel_bytes(),
         .words = words,
         .steps = args.steps});
    panel.out = std::min(panel_width(), args.out - at);
    panel.bias = args.bias + p * table_->panel;
    panel.scale = args.scale + p * table_->panel;
    panel.column_sum = args.column_sum + p * table_->panel;
    const int64_t to = row * args.y_stride + at;
    panel.y = args.y == nullptr ? nullptr : args.y + to;
    panel.y_bfloat16 =
        args.y_bfloat16 == nullptr ? nullptr : args.y_bfloat16 + to;
    panel.residual = args.residual == nullptr
                         ? nullptr
                         : args.residual + row * args.residual_stride + at;
    table_->products[static_cast<int>(DType::kInt8)].run(panel);
  }
}

void PackedLinear::expand(int64_t column, char* to) const {
  const int64_t panel = table_->panel;
  const char* const from = weight_ + column / panel * panel_bytes();
  for (int64_t i = 0; i < steps() * 4; ++i) {
    to[i] = static_cast<char>(int4_weight(from, panel, column % panel, i));
  }
}

}  // namespace pyattn
