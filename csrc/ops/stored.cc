#include "ops/stored.h"

#include <bit>
#include <cstring>

#include "kernels/table.h"

namespace pyattn {
namespace {

// Numbers of a file may lie across the boundaries of their type.
template <class T>
T load(const char* from, int64_t i) {
  T value;
  std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

float from_bfloat16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

// With selections and no branches, so that compilers make vectors of it; a
// subnormal number is made of its integer, for as a float's bits it might count
// as zero here.
float from_float16(uint16_t bits) {
  const uint32_t magnitude = bits & 0x7FFFU;
  const uint32_t rebias = magnitude >= 0x7C00 ? 255 - 31 : 127 - 15;
  const uint32_t normal = (magnitude << 13) + (rebias << 23);
  const uint32_t subnormal = std::bit_cast<uint32_t>(
      static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24F);
  const uint32_t sign = uint32_t{bits & 0x8000U} << 16;
  return std::bit_cast<float>((magnitude < 0x400 ? subnormal : normal) | sign);
}

}  // namespace

int64_t row_bytes(Storage storage, int64_t columns) {
  switch (storage) {
    case Storage::kFloat32:
      return columns * 4;
    case Storage::kFloat16:
    case Storage::kBFloat16:
      return columns * 2;
    case Storage::kInt8:
      return columns;
    case Storage::kInt4:
      return (columns + 1) / 2;
  }
  return 0;
}

int64_t groups_of(int64_t columns) {
  return (columns + kInt4Group - 1) / kInt4Group;
}

int int4_at(const char* row, int64_t i) {
  const int pair = static_cast<uint8_t>(row[i / 2]);
  const int four = i % 2 == 0 ? pair & 15 : pair >> 4;
  return four < 8 ? four : four - 16;
}

const char* StoredMatrix::row(int64_t row, int64_t columns) const {
  return static_cast<const char*>(data) + row * row_bytes(storage, columns);
}

bool StoredMatrix::is_floats() const {
  return storage == Storage::kFloat32 &&
         reinterpret_cast<uintptr_t>(data) % alignof(float) == 0;
}

void read_row(const StoredMatrix& matrix, int64_t row, int64_t columns,
              float* to) {
  const char* from = matrix.row(row, columns);
  switch (matrix.storage) {
    case Storage::kFloat32:
      std::memcpy(to, from, static_cast<size_t>(columns) * sizeof(float));
      return;
    case Storage::kFloat16:
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = from_float16(load<uint16_t>(from, i));
      }
      return;
    case Storage::kBFloat16:
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = from_bfloat16(load<uint16_t>(from, i));
      }
      return;
    case Storage::kInt8:
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = static_cast<float>(load<int8_t>(from, i)) * matrix.scale[row];
      }
      return;
    case Storage::kInt4: {
      const int8_t* group = matrix.group_scale + row * groups_of(columns);
      for (int64_t i = 0; i < columns; ++i) {
        to[i] = static_cast<float>(group[i / kInt4Group] * int4_at(from, i)) *
                matrix.scale[row];
      }
      return;
    }
  }
}

}  // namespace pyattn
