#include <pybind11/pybind11.h>

#include "base/check.h"
#include "bindings/bindings.h"

PYBIND11_MODULE(_core, module) {
  using namespace pyattn::bindings;  // NOLINT: a table of contents
  module.doc() = "The C++ core of pyattn; call it through the package.";
  pybind11::register_exception_translator([](std::exception_ptr error) {
    try {
      std::rethrow_exception(error);
    } catch (const pyattn::ArgumentError& argument) {
      PyErr_SetString(PyExc_ValueError, argument.what());
    }
  });
  bind_cpu(module);
  bind_ops(module);
  bind_attention(module);
  bind_attention_step(module);
  bind_linear_attention(module);
  bind_checksum(module);
  bind_vocabulary(module);
  bind_vocabulary_search(module);
  bind_request(module);
  bind_model(module);
}
