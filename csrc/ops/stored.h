#pragma once

#include <cstdint>
#include <functional>

namespace pyattn {

/// What the numbers of a matrix are where it is kept.
enum class Storage { kFloat32, kFloat16, kBFloat16, kInt8 };

/// A matrix as its file has it: [rows, columns] in C order, at any address.
struct StoredMatrix {
  const void* data = nullptr;
  Storage storage = Storage::kFloat32;
  const float* scale = nullptr;  // [rows]: what rows of int8 are multiplied by
  /// Told of rows [begin, end) that whoever reads all of it has read; or empty.
  std::function<void(int64_t begin, int64_t end)> was_read = {};

  /// Row `row` of `columns` numbers, in its own type.
  const char* row(int64_t row, int64_t columns) const;

  /// Whether it can be read as an array of floats.
  bool is_floats() const;
};

int64_t bytes_of(Storage storage);

/// Multiplies out row `row` of `columns` numbers.
void read_row(const StoredMatrix& matrix, int64_t row, int64_t columns,
              float* to);

}  // namespace pyattn
