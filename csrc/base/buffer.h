#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pyattn {

/// Uninitialised memory for `T`s, aligned for whole cache lines. Large buffers
/// are aligned to, and ask for, huge pages: weights and caches are read in long
/// strides, where 4 KiB pages cost a TLB miss each.
void* allocate_bytes(size_t bytes);
void release_bytes(void* memory);

template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t count)
      : data_(static_cast<T*>(
            allocate_bytes(static_cast<size_t>(count) * sizeof(T)))),
        count_(count) {}
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~Buffer() { release_bytes(data_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  int64_t size() const { return count_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }

  /// Room for at least `count`; the contents are lost when it must grow.
  T* at_least(int64_t count) {
    if (count > count_) {
      *this = Buffer(count + count / 2);
    }
    return data_;
  }

 private:
  T* data_ = nullptr;
  int64_t count_ = 0;
};

/// Floats that are allocated one after the other and freed as a whole. What is
/// read together lies together, in few large pieces that get huge pages.
class Arena {
 public:
  /// Room for `count` floats, uninitialised, aligned for a cache line.
  float* take(int64_t count);

 private:
  std::vector<Buffer<float>> chunks_;
  int64_t left_ = 0;  // floats at the end of the last chunk
};

}  // namespace pyattn
