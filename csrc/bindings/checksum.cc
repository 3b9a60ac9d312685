// The checksum of a binary shortlist, for its reader in Python: each word
// depends on the one before, so NumPy cannot compute it.
#include <cstdint>

#include "base/check.h"
#include "bindings/bindings.h"
#include "bindings/gil.h"

namespace pyattn::bindings {
namespace {

namespace py = pybind11;

// Of little-endian words of eight bytes; the boost library's hash_combine.
uint64_t combined_hash(const py::buffer& content) {
  const py::buffer_info info = content.request();
  check(info.itemsize == 1 && info.ndim == 1 && info.strides[0] == 1,
        "checksum", "expected bytes");
  check(info.size % 8 == 0, "checksum", "expected whole words of eight bytes");
  const auto* bytes = static_cast<const unsigned char*>(info.ptr);
  const WithoutGil released;
  uint64_t seed = 0;
  for (int64_t i = 0; i < info.size; i += 8) {
    uint64_t word = 0;
    for (int byte = 7; byte >= 0; --byte) {
      word = word << 8 | bytes[i + byte];
    }
    seed ^= word + 0x9E3779B9 + (seed << 6) + (seed >> 2);
  }
  return seed;
}

}  // namespace

void bind_checksum(py::module_& module) {
  module.def("combined_hash", &combined_hash, py::arg("content"));
}

}  // namespace pyattn::bindings
