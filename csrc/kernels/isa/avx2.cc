// Everything pyattn runs on avx2 follows from its vectors and dot product, but
// for the products of int8, whose inputs are split. What is not, since int4's
// product reads it too, takes the dot product.
#include "kernels/generic/level.h"
#include "kernels/generic/split.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx2.h"

namespace pyattn {
namespace {

void linear_int8(const LinearArgs& args) {
  if (args.words == Words::kInt8Split) {
    kernels::linear<kernels::SplitInt8Product<avx2::Vec, avx2::SplitDot>>(args);
  } else {
    kernels::linear<kernels::Int8Product<avx2::Vec, avx2::Dot>>(args);
  }
}

consteval KernelTable level() {
  KernelTable table = kernels::level<avx2::Vec, avx2::Dot>(Isa::kAvx2);
  table.products[static_cast<int>(DType::kInt8)] = {.run = linear_int8,
                                                    .words = Words::kInt8Split};
  table.products[static_cast<int>(DType::kInt8Grouped)] = {
      .run = kernels::linear_grouped<avx2::Vec, avx2::SplitDot>,
      .words = Words::kInt8GroupsSplit,
      .steps = kInputGroupSteps};
  return table;
}

}  // namespace

extern constinit const KernelTable kAvx2Kernels = level();

}  // namespace pyattn
