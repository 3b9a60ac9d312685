// The kernels of the level amx on operands that end where memory ends: the page
// behind each cannot be read, and AMX is emulated, whose loads and stores are
// the emulator's own. Every operand is as large as kernels/table.h asks, and
// what it may hold without being used is once zero and once not a number. With
// an argument the last of the rows that are only read is missing.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "kernels/isa/tables.h"

extern "C" int amx_emulator_install();

namespace pyattn {
namespace {

const KernelTable& kernels = kAmxKernels;

/// `count` elements in front of a page that cannot be read.
template <class T>
class Guarded {
 public:
  Guarded(int64_t count, int byte) : bytes_(count * sizeof(T)) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    readable_ = (bytes_ + page - 1) / page * page;
    whole_ = readable_ + page;
    memory_ = static_cast<char*>(mmap(nullptr, whole_, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory_ == MAP_FAILED ||
        mprotect(memory_ + readable_, page, PROT_NONE) != 0) {
      std::perror("guarded memory");
      std::exit(2);
    }
    std::memset(data(), byte, bytes_);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { munmap(memory_, whole_); }

  T* data() { return reinterpret_cast<T*>(memory_ + readable_ - bytes_); }
  T& operator[](int64_t i) { return data()[i]; }

 private:
  size_t bytes_, readable_, whole_;
  char* memory_;
};

/// Numbers from 1 to 2, of either sign: floats, pairs of bfloat16 or bytes.
void fill(void* words, int64_t count, DType dtype) {
  static uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    const uint32_t bits = dtype == DType::kInt8 ? state
                          : dtype == DType::kBFloat16
                              ? (state & 0x807F807F) | 0x3F803F80
                              : (state & 0x807FFFFF) | 0x3F800000;
    std::memcpy(static_cast<char*>(words) + 4 * i, &bits, 4);
  }
}

void expect_same(const std::vector<std::vector<float>>& results,
                 const char* what, int64_t a, int64_t b, int64_t c) {
  if (std::memcmp(results[0].data(), results[1].data(),
                  results[0].size() * sizeof(float)) != 0) {
    std::printf("%s of %d, %d, %d depends on what is not its own\n", what,
                static_cast<int>(a), static_cast<int>(b), static_cast<int>(c));
    std::exit(1);
  }
}

int64_t up_to_16(int64_t count) { return (count + 15) / 16 * 16; }

void product(DType dtype, int64_t rows, int64_t steps, int64_t out,
             int64_t missing) {
  const int64_t columns = (out + kernels.panel - 1) / kernels.panel *
                          static_cast<int64_t>(kernels.panel);
  Guarded<float> weight(columns * steps, 0), bias(columns, 0);
  Guarded<float> scale(columns, 0), x_scale(rows, 0), words(rows * steps, 0);
  Guarded<int32_t> column_sum(columns, 1), x_zero(rows, 0);
  fill(weight.data(), columns * steps, dtype);
  fill(words.data(), rows * steps, dtype);
  fill(bias.data(), columns, DType::kFloat32);
  fill(scale.data(), columns, DType::kFloat32);
  fill(x_scale.data(), rows, DType::kFloat32);
  std::vector<std::vector<float>> results;
  for (const int unused : {0, 0xFF}) {
    Guarded<float> x((up_to_16(rows) - missing) * steps, unused);
    Guarded<float> y(rows * out, 0);
    std::memcpy(x.data(), words.data(), rows * steps * sizeof(float));
    LinearArgs args = {};
    args.x = x.data();
    args.weight = weight.data();
    args.bias = bias.data();
    args.y = y.data();
    args.rows = rows;
    args.steps = args.x_stride = steps;
    args.out = args.y_stride = out;
    args.x_scale = x_scale.data();
    args.x_zero = x_zero.data();
    args.scale = scale.data();
    args.column_sum = column_sum.data();
    kernels.products[static_cast<int>(dtype)].run(args);
    results.emplace_back(y.data(), y.data() + rows * out);
  }
  expect_same(results, "product", rows, steps, out);
}

/// All keys, or under a mask those of a window, with a bias.
void attention(int64_t time_q, int64_t time_k, int64_t head_dim, bool window) {
  Guarded<float> q(time_q * head_dim, 0), k(time_k * head_dim, 0),
      v(time_k * head_dim, 0), bias(time_q * time_k, 0);
  Guarded<uint8_t> mask(time_q * time_k, 1);
  fill(q.data(), time_q * head_dim, DType::kFloat32);
  fill(k.data(), time_k * head_dim, DType::kFloat32);
  fill(v.data(), time_k * head_dim, DType::kFloat32);
  fill(bias.data(), time_q * time_k, DType::kFloat32);
  const int64_t scratch_floats = attention_scratch(head_dim, kernels.lanes);
  std::vector<std::vector<float>> results;
  for (const int unused : {0, 0xFF}) {
    Guarded<float> scratch(scratch_floats, unused);
    Guarded<float> y(time_q * head_dim, unused);
    AttentionArgs args = {};
    args.q = q.data();
    args.k = k.data();
    args.v = v.data();
    args.y = y.data();
    args.scratch = scratch.data();
    args.time_q = time_q;
    args.time_k = time_k;
    args.head_dim = head_dim;
    args.q_stride = args.k_stride = args.v_stride = args.y_stride = head_dim;
    args.first = window ? -7 : -time_q;
    args.last = window ? 5 : time_k;
    if (window) {
      args.mask = mask.data();
      args.bias = bias.data();
      args.mask_stride = args.bias_stride = time_k;
    }
    args.scale = 0.25F;
    kernels.attention_bfloat16(args);
    results.emplace_back(y.data(), y.data() + time_q * head_dim);
  }
  expect_same(results, "attention", time_q, time_k, head_dim);
}

}  // namespace
}  // namespace pyattn

int main(int count, char**) {
  using pyattn::DType;
  const rlimit no_core = {};
  setrlimit(RLIMIT_CORE, &no_core);
  if (amx_emulator_install() != 0) {
    std::perror("amx_emulator_install");
    return 2;
  }
  for (const DType dtype : {DType::kBFloat16, DType::kInt8}) {
    for (const int64_t rows : {3, 15, 16, 17, 31, 33, 65}) {
      for (const int64_t out : {1, 31, 32, 70}) {
        pyattn::product(dtype, rows, 16, out, count - 1);
        pyattn::product(dtype, rows, 48, out, count - 1);
      }
    }
  }
  for (const int64_t time_q : {1, 16, 17, 33, 260}) {
    for (const int64_t time_k : {1, 25, 31, 32, 33, 97, 130}) {
      for (const int64_t head_dim : {1, 16, 17, 40, 64, 65}) {
        pyattn::attention(time_q, time_k, head_dim, false);
        pyattn::attention(time_q, time_k, head_dim, true);
      }
    }
  }
  std::puts("done");
}
