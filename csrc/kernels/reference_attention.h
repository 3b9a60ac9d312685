#pragma once

#include "kernels/table.h"

namespace pyattn {

void reference_attention(const AttentionArgs& args);
void reference_attention_step(const AttentionStepArgs& args);
void reference_attention_step_bfloat16(const AttentionStepArgs& args);
void reference_attention_step_int8(const AttentionStepArgs& args);
void reference_linear_attention(const LinearAttentionArgs& args);

}  // namespace pyattn
