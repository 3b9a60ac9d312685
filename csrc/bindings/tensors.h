#pragma once

#include <vector>

#include "bindings/arrays.h"
#include "model/weights.h"

namespace pyattn::bindings {

/// A model's tensors, from Python: `floats` maps names to float32 arrays,
/// `matrices` to what is a pyattn.stored.Stored. All that was asked for is kept
/// alive, copies of what did not lie in C order among it.
class Tensors {
 public:
  Tensors(const py::dict& floats, const py::dict& matrices)
      : floats_(floats), matrices_(matrices) {}

  TensorSource source();

  /// Lets go what was packed and is needed no longer.
  void keep_only(const ModelWeights& weights);

 private:
  const float* floats(const std::string& name, const Shape& shape,
                      bool optional);
  StoredMatrix matrix(const std::string& name, const Shape& shape);

  py::dict floats_, matrices_;
  std::vector<py::array> kept_;
};

}  // namespace pyattn::bindings
