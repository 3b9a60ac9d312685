// base/cpu.h, base/threads.h and kernels/dispatch.h.
#include <pybind11/stl.h>

#include "base/cpu.h"
#include "base/threads.h"
#include "bindings/bindings.h"
#include "kernels/dispatch.h"

namespace pyattn::bindings {

namespace py = pybind11;

void bind_cpu(py::module_& module) {
  module.def("isas", [] {
    std::vector<std::string> names;
    for (const KernelTable* table : kernel_tables()) {
      names.emplace_back(isa_name(table->isa));
    }
    return names;
  });
  module.def("default_isa", [] { return isa_name(default_kernels().isa); });
  module.def("cpu_model", &cpu_model);
  module.def("default_threads", &default_threads);
}

}  // namespace pyattn::bindings
