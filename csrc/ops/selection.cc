#include "ops/selection.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/threads.h"
#include "ops/turned_rows.h"

namespace pyattn {
namespace {

// A panel costs a few microseconds; waking a helper about two.
constexpr int64_t kPanelsPerThread = 8;

// The columns that start at `from`, whose steps are `from_stride` bytes apart,
// into a panel of `width` weights a step. Step by step, since no two of a
// step's reads wait for each other: column by column took up to twice as long.
template <class Weight>
void interleave(const std::vector<const char*>& from, int64_t from_stride,
                int64_t steps, int64_t width, char* to) {
  const int64_t stride = width * static_cast<int64_t>(sizeof(Weight));
  for (int64_t step = 0; step < steps; ++step) {
    char* weight = to + step * stride;
    for (const char* const column : from) {
      std::memcpy(weight, column + step * from_stride, sizeof(Weight));
      weight += sizeof(Weight);
    }
  }
}

}  // namespace

Selection::Selection(const PackedLinear& output, std::vector<int32_t> ids,
                     const StoredMatrix& stored)
    : output_(output),
      stored_(stored),
      ids_(std::move(ids)),
      steps_(output.steps()),
      weight_(panels() * panel_bytes()),
      bias_(panels() * output.table().panel) {
  check(output.dtype() != DType::kInt8Grouped, "columns",
        "the output is in int8_grouped, expected another number type");
  if (output.columns(0, 1).scale != nullptr) {
    scale_ = Buffer<float>(bias_.size());
    column_sum_ = Buffer<int32_t>(bias_.size());
  }
  parallel_for(panels(), kPanelsPerThread, [&](int64_t begin, int64_t end) {
    Buffer<char> rows(has_rows() ? panel_bytes() : 0);
    for (int64_t panel = begin; panel < end; ++panel) {
      copy_panel(panel, rows.data());
    }
  });
}

// Whether a column's words can be had next to each other.
bool Selection::has_rows() const {
  return output_.dtype() == DType::kInt4 ||
         (output_.dtype() == DType::kInt8 && stored_.data != nullptr &&
          stored_.storage == Storage::kInt8);
}

void Selection::copy_panel(int64_t panel, char* rows) {
  const int64_t width = output_.table().panel;
  const int64_t first = panel * width;
  const int64_t end =
      std::min(first + width, static_cast<int64_t>(ids_.size()));
  if (end < first + width) {
    // What lies past the last column is multiplied too.
    const int64_t missing = first + width - end;
    std::fill_n(bias_.data() + end, missing, 0.0F);
    if (scale_.data() != nullptr) {
      std::fill_n(scale_.data() + end, missing, 0.0F);
      std::fill_n(column_sum_.data() + end, missing, 0);
    }
  }
  for (int64_t column = first; column < end; ++column) {
    const int64_t from_panel = ids_[column] / width;
    const int64_t lane = ids_[column] % width;
    const LinearArgs from = output_.columns(from_panel, from_panel + 1);
    bias_[column] = from.bias[lane];
    if (scale_.data() != nullptr) {
      scale_[column] = from.scale[lane];
      column_sum_[column] = from.column_sum[lane];
    }
  }
  char* const weight = weight_.data() + panel * panel_bytes();
  if (has_rows()) {
    copy_rows(first, end, rows);
    turn<uint32_t>({rows, width, steps_, steps_ * 4}, 0, steps_, weight);
  } else {
    copy_columns(first, end, weight);
  }
}

// Columns [first, end) below each other, and zeros up to a whole panel.
void Selection::copy_rows(int64_t first, int64_t end, char* rows) const {
  const int64_t stride = steps_ * 4;
  for (int64_t column = first; column < end; ++column) {
    char* const row = rows + (column - first) * stride;
    if (output_.dtype() == DType::kInt4) {
      output_.expand(ids_[column], row);
      continue;
    }
    const size_t in = static_cast<size_t>(output_.in());
    const char* const from = stored_.row(ids_[column], output_.in());
    // No product takes -128: such a row was rounded anew when it was packed.
    if (std::memchr(from, INT8_MIN, in) != nullptr) {
      output_.read_words(ids_[column], row);
    } else {
      std::memcpy(row, from, in);
      std::memset(row + in, 0, static_cast<size_t>(stride) - in);
    }
  }
  std::memset(
      rows + (end - first) * stride, 0,
      static_cast<size_t>((output_.table().panel - (end - first)) * stride));
}

// The same, side by side, from where they lie in the output's panels.
void Selection::copy_columns(int64_t first, int64_t end, char* weight) const {
  const int64_t width = output_.table().panel;
  const int64_t bytes = output_.weight_bytes();
  if (end < first + width) {
    std::memset(weight, 0, static_cast<size_t>(panel_bytes()));
  }
  std::vector<const char*> sources;
  for (int64_t column = first; column < end; ++column) {
    const int64_t panel = ids_[column] / width;
    sources.push_back(
        static_cast<const char*>(output_.columns(panel, panel + 1).weight) +
        ids_[column] % width * bytes);
  }
  if (bytes == 2) {
    interleave<uint16_t>(sources, width * bytes, steps_, width, weight);
  } else {
    interleave<uint32_t>(sources, width * bytes, steps_, width, weight);
  }
}

void Selection::run(const LinearArgs& args) const {
  const bool int4 = output_.dtype() == DType::kInt4;
  const KernelTable& table = output_.table();
  (int4 ? table.products[static_cast<int>(DType::kInt8)] : output_.kernel())
      .run(args);
}

int64_t Selection::panels() const {
  const int64_t width = output_.table().panel;
  return (static_cast<int64_t>(ids_.size()) + width - 1) / width;
}

int64_t Selection::panel_bytes() const {
  return steps_ * output_.table().panel * output_.weight_bytes();
}

int64_t Selection::bytes() const {
  return weight_.size() +
         4 * (bias_.size() + scale_.size() + column_sum_.size());
}

int32_t Selection::column_of(int32_t id) const {
  const auto at = std::lower_bound(ids_.begin(), ids_.end(), id);
  return at != ids_.end() && *at == id ? static_cast<int32_t>(at - ids_.begin())
                                       : -1;
}

LinearArgs Selection::columns(int64_t begin_panel, int64_t end_panel) const {
  const int64_t width = output_.table().panel;
  const int64_t begin = begin_panel * width;
  LinearArgs args = output_.columns(0, 1);
  args.weight = weight_.data() + begin_panel * panel_bytes();
  args.bias = bias_.data() + begin;
  args.out =
      std::min(end_panel * width, static_cast<int64_t>(ids_.size())) - begin;
  if (scale_.data() != nullptr) {
    args.scale = scale_.data() + begin;
    args.column_sum = column_sum_.data() + begin;
  }
  return args;
}

}  // namespace pyattn
