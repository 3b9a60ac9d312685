// What pyattn runs on avx512_bf16, whose CPUs multiply pairs of bfloat16.
#include "kernels/generic/level.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx512.h"

namespace pyattn {
namespace {

using avx512_bf16::Dot;
using avx512_bf16::PairDot;
using avx512_bf16::Vec;

consteval KernelTable level() {
  KernelTable table = kernels::level<Vec, Dot>(Isa::kAvx512Bf16);
  table.products[static_cast<int>(DType::kBFloat16)] = {
      .run = kernels::linear<kernels::BFloat16PairProduct<Vec, PairDot>>,
      .words = Words::kBFloat16};
  table.attention_bfloat16 =
      kernels::attention<kernels::BFloat16Words<Vec, PairDot>>;
  return table;
}

}  // namespace

extern constinit const KernelTable kAvx512Bf16Kernels = level();

}  // namespace pyattn
