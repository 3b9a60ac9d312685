// Everything pyattn runs on neon, on one page.
#include "kernels/generic/attention.h"
#include "kernels/generic/attention_step.h"
#include "kernels/generic/elementwise.h"
#include "kernels/generic/linear.h"
#include "kernels/generic/norm.h"
#include "kernels/generic/prepare.h"
#include "kernels/generic/vocabulary.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/neon.h"

namespace pyattn {

using neon::Dot;
using neon::Vec;

extern const KernelTable kNeonKernels = {
    .isa = Isa::kNeon,
    .lanes = Vec::kWidth,
    .panel = Vec::kPanelVecs * Vec::kWidth,
    .products = {{.run = kernels::linear<kernels::Float32Product<Vec>>},
                 {.run = kernels::linear<kernels::BFloat16Product<Vec>>},
                 {.run = kernels::linear<kernels::Int8Product<Vec, Dot>>,
                  .words = Words::kInt8}},
    .prepare = kernels::prepare<Vec, Dot::kLeast>,
    .layer_norm = kernels::norm<Vec, kernels::LayerNorm<Vec>, Dot::kLeast>,
    .rms_norm = kernels::norm<Vec, kernels::RmsNorm<Vec>, Dot::kLeast>,
    .attention = kernels::attention<kernels::Float32Words<Vec>>,
    .attention_bfloat16 = kernels::attention<kernels::Float32Words<Vec>>,
    .attention_step = kernels::attention_step<kernels::Float32Cache<Vec>>,
    .attention_step_bfloat16 =
        kernels::attention_step<kernels::BFloat16Cache<Vec>>,
    .ssru = kernels::ssru<Vec>,
    .gate = kernels::gate<Vec>,
    .soft_cap = kernels::soft_cap<Vec>,
    .embed = kernels::embed<Vec>,
    .log_sum_exp = kernels::log_sum_exp<Vec>,
    .top_k = kernels::top_k<Vec>,
};

}  // namespace pyattn
