#pragma once

#include <cstdint>
#include <functional>

namespace pyattn {

/// What the numbers of a matrix are where it is kept.
enum class Storage { kFloat32, kFloat16, kBFloat16, kInt8, kInt4 };

/// A matrix as its file has it: [rows, columns] in C order, at any address.
struct StoredMatrix {
  const void* data = nullptr;
  Storage storage = Storage::kFloat32;
  // [rows]: what rows of int8 and int4 are multiplied by.
  const float* scale = nullptr;
  // int4 only, [rows, groups of kInt4Group columns]: what their numbers are
  // multiplied by first. Two numbers share a byte, the first its lower half.
  const int8_t* group_scale = nullptr;
  /// Told of rows [begin, end) that whoever reads all of it has read; or empty.
  std::function<void(int64_t begin, int64_t end)> was_read = {};

  /// Row `row` of `columns` numbers, in its own type.
  const char* row(int64_t row, int64_t columns) const;

  /// Whether it can be read as an array of floats.
  bool is_floats() const;
};

/// Bytes of a row.
int64_t row_bytes(Storage storage, int64_t columns);

/// Groups of an int4 row.
int64_t groups_of(int64_t columns);

/// Number `i` of an int4 row without its scales, in [-8, 7].
int int4_at(const char* row, int64_t i);

/// Multiplies out row `row` of `columns` numbers.
void read_row(const StoredMatrix& matrix, int64_t row, int64_t columns,
              float* to);

}  // namespace pyattn
