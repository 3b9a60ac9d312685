#pragma once

#include <pybind11/pybind11.h>

namespace pyattn::bindings {

void bind_cpu(pybind11::module_& module);
void bind_attention(pybind11::module_& module);
void bind_attention_step(pybind11::module_& module);
void bind_linear_attention(pybind11::module_& module);
void bind_checksum(pybind11::module_& module);
void bind_ops(pybind11::module_& module);
void bind_vocabulary(pybind11::module_& module);
void bind_vocabulary_search(pybind11::module_& module);
void bind_request(pybind11::module_& module);
void bind_model(pybind11::module_& module);

}  // namespace pyattn::bindings
