#include "base/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

namespace pyattn {
namespace {

constexpr size_t kCacheLine = 64;
constexpr size_t kHugePage = size_t{2} << 20;
// A vector load may run past the last element by less than this.
constexpr size_t kSlack = 64;
// 64 MiB: what is never touched of it costs nothing. Of what is left at the end
// of a chunk the rest of a huge page has been touched, 8 % of a model of 16
// MiB.
constexpr int64_t kChunkFloats = int64_t{16} << 20;
constexpr int64_t kLineFloats = 16;

}  // namespace

void* allocate_bytes(size_t bytes) {
  const size_t align = bytes >= kHugePage ? kHugePage : kCacheLine;
  if (bytes > SIZE_MAX - kSlack - align) {
    throw std::bad_alloc();
  }
  const size_t whole = (bytes + kSlack + align - 1) / align * align;
#ifdef _WIN32
  void* memory = _aligned_malloc(whole, align);
#else
  void* memory = std::aligned_alloc(align, whole);
#endif
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
#ifdef MADV_HUGEPAGE
  if (align == kHugePage) {
    // Advice: where the system grants no huge pages, small ones serve.
    (void)madvise(memory, whole, MADV_HUGEPAGE);
  }
#endif
  return memory;
}

void release_bytes(void* memory) {
#ifdef _WIN32
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

float* Arena::take(int64_t count) {
  count = (count + kLineFloats - 1) / kLineFloats * kLineFloats;
  if (count > left_) {
    left_ = std::max(count, kChunkFloats);
    chunks_.emplace_back(left_);
  }
  float* memory = chunks_.back().data() + chunks_.back().size() - left_;
  left_ -= count;
  return memory;
}

}  // namespace pyattn
