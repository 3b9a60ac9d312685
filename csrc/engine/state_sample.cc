#include "engine/state_sample.h"

#include <algorithm>
#include <utility>

namespace pyattn {

void StateSample::want(int64_t rows, int64_t dim) {
  const std::lock_guard<std::mutex> lock(mutex_);
  states_.clear();
  dim_ = dim;
  wanted_ = rows * dim;
  missing_ = wanted_ > 0;
}

void StateSample::add(const float* states, int64_t rows) {
  if (!missing_) {
    return;
  }
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return;  // others come; and in a forked child it may be locked for ever
  }
  const int64_t left = wanted_ - static_cast<int64_t>(states_.size());
  states_.insert(states_.end(), states, states + std::min(rows * dim_, left));
  missing_ = static_cast<int64_t>(states_.size()) < wanted_;
}

std::vector<float> StateSample::take() {
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (missing_ || !lock.owns_lock()) {
    return {};
  }
  wanted_ = 0;
  return std::exchange(states_, {});
}

}  // namespace pyattn
