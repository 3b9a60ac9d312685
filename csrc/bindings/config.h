#pragma once

#include "bindings/arrays.h"
#include "model/config.h"

namespace pyattn::bindings {

/// A pyattn.model_config.ModelConfig, field by field. Throws ArgumentError for
/// a name that the core does not know; sizes are checked in Python.
ModelConfig config_from(py::handle from);

}  // namespace pyattn::bindings
