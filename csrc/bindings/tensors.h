#pragma once

#include <set>
#include <string>
#include <vector>

#include "bindings/arrays.h"
#include "model/weights.h"

namespace pyattn::bindings {

/// A model's tensors as pyattn.running.packing.core_tensors returns them:
/// `floats` maps names to float32 arrays, `matrices` maps the names of products
/// and embeddings to lists of (pyattn.stored.Stored, bias or None). What was
/// asked for is kept alive, copies of what did not lie in C order among it.
class Tensors {
 public:
  Tensors(const py::dict& floats, const py::dict& matrices)
      : floats_(floats), matrices_(matrices) {}

  TensorSource source();

  /// Lets go what was packed and is needed no longer. Refuses tensors that the
  /// weights have not asked for: part of the model would not be computed.
  void keep_only(const ModelWeights& weights);

 private:
  const float* floats(const std::string& name, const Shape& shape);
  std::vector<LinearPart> parts(const std::string& name, const Shape& rows,
                                int64_t columns);
  StoredMatrix matrix(const char* name, const py::handle& stored,
                      const Shape& shape);
  const float* floats_of(const char* name, const py::handle& object,
                         const Shape& shape);
  void check_all_asked() const;

  py::dict floats_, matrices_;
  std::set<std::string> asked_;
  std::vector<py::array> kept_;
};

}  // namespace pyattn::bindings
