// Everything pyattn runs on avx512, on one page.
#include "kernels/generic/attention.h"
#include "kernels/generic/attention_step.h"
#include "kernels/generic/linear.h"
#include "kernels/generic/norm.h"
#include "kernels/generic/quantize.h"
#include "kernels/generic/vocabulary.h"
#include "kernels/isa/tables.h"
#include "kernels/vec/avx512.h"

namespace pyattn {

using avx512::Dot;
using avx512::Vec;

extern const KernelTable kAvx512Kernels = {
    .isa = Isa::kAvx512,
    .lanes = Vec::kWidth,
    .panel = Vec::kPanelVecs * Vec::kWidth,
    .int8_offset = Dot::kOffset,
    .linear = {kernels::linear<kernels::Float32Product<Vec>>,
               kernels::linear<kernels::BFloat16Product<Vec>>,
               kernels::linear<kernels::Int8Product<Vec, Dot>>},
    .quantize = kernels::quantize<Vec, Dot::kOffset>,
    .layer_norm = kernels::layer_norm<Vec>,
    .rms_norm = kernels::rms_norm<Vec>,
    .attention = kernels::attention<Vec>,
    .attention_step = kernels::attention_step<Vec>,
    .embed = kernels::embed<Vec>,
    .log_sum_exp = kernels::log_sum_exp<Vec>,
    .top_k = kernels::top_k<Vec>,
};

}  // namespace pyattn
