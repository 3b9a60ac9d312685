// Everything pyattn runs on avx2 follows from its vectors and dot product, but
// for the product of int8 whose weights have the sums that it begins with.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx2.h"

namespace pyattn {
namespace {

struct SplitProduct : kernels::Int8Product<avx2::Vec, avx2::SplitDot> {
  static constexpr int kTileRows = 3;

  static Sum start(const LinearArgs& args, int64_t column) {
    return avx2::Dot::load(
        reinterpret_cast<const char*>(args.negative_sum + column));
  }
};

void linear_int8(const LinearArgs& args) {
  if (args.negative_sum == nullptr) {
    kernels::linear<kernels::Int8Product<avx2::Vec, avx2::Dot>>(args);
  } else {
    kernels::linear<SplitProduct>(args);
  }
}

consteval KernelTable level() {
  KernelTable table = kernels::level<avx2::Vec, avx2::Dot>(Isa::kAvx2);
  ProductKernel& int8 = table.products[static_cast<int>(DType::kInt8)];
  int8.run = linear_int8;
  int8.negative_sums = true;
  return table;
}

}  // namespace

extern constinit const KernelTable kAvx2Kernels = level();

}  // namespace pyattn
