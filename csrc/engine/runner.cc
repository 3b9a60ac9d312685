#include "engine/runner.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace pyattn {
namespace {

using Requests = std::vector<std::shared_ptr<Request>>;

bool is_over(const std::shared_ptr<Request>& request) {
  return request->cancelled() || request->complete();
}

}  // namespace

struct Runner::State {
  State(const ModelWeights& weights, StateSample& sample, const Limits& limits,
        Team& to)
      : team(to),
        queue(weights.config, limits),
        batch(weights, sample, limits.cache_bytes) {}

  void post() {
    team.post([this] { run(); }, abandon_step);
  }

  // The job.
  void run() {
    while (prepare_step()) {
      try {
        step();
      } catch (const Cancelled&) {
        // Every request in the step was cancelled; they are removed next.
      } catch (...) {
        fail(std::current_exception());
      }
    }
  }

  // Whether there is a step to run now.
  bool prepare_step() {
    std::lock_guard<std::mutex> lock(mutex);
    for (const std::shared_ptr<Request>& request : submitted) {
      queue.add(request);
    }
    active.insert(active.end(), submitted.begin(), submitted.end());
    submitted.clear();
    remove_ended();
    std::erase_if(active, is_over);
    abandon_step = false;
    if (queue.empty() && batch.empty()) {
      batch.trim();
      running = false;
      idle.notify_all();
      return false;
    }
    if (team.jobs_wait()) {
      post();
      return false;
    }
    return true;
  }

  void step() {
    while (queue.should_admit(batch)) {
      queue.admit(batch);
      remove_ended();  // encoding takes time
    }
    queue.make_step_fit(batch);
    if (!batch.empty()) {
      batch.step();
    }
  }

  void remove_ended() {
    const Clock::time_point now = Clock::now();
    batch.remove_ended(now);
    queue.remove_ended(now);
  }

  // Fails every request that was taken up.
  void fail(const std::exception_ptr& error) {
    std::lock_guard<std::mutex> lock(mutex);
    std::erase_if(active, is_over);
    for (const std::shared_ptr<Request>& request : active) {
      request->fail(error);
    }
    batch.clear();
    queue.clear();
  }

  Team& team;
  Queue queue;
  Batch batch;
  std::atomic<bool> abandon_step{false};

  std::mutex mutex;  // guards what follows
  std::condition_variable idle;
  Requests submitted;  // not taken up by the job yet
  Requests active;     // taken up
  bool running = false;
};

Runner::Runner(const ModelWeights& weights, StateSample& sample,
               const Limits& limits, Team& team)
    : weights_(weights), sample_(sample), limits_(limits), team_(team) {}

Runner::~Runner() {
  State* const own = state_.mine();
  if (own == nullptr) {
    return;
  }
  std::unique_lock<std::mutex> lock(own->mutex);
  for (const Requests* requests : {&own->submitted, &own->active}) {
    for (const std::shared_ptr<Request>& request : *requests) {
      request->cancel();
    }
  }
  own->abandon_step = true;
  own->idle.wait(lock, [own] { return !own->running; });
}

Runner::State& Runner::state() {
  return state_.get([this] {
    return std::make_unique<State>(weights_, sample_, limits_, team_);
  });
}

void Runner::submit(std::shared_ptr<Request> request) {
  State& to = state();
  std::lock_guard<std::mutex> lock(to.mutex);
  to.submitted.push_back(std::move(request));
  if (!to.running) {
    to.running = true;
    to.post();
  }
}

void Runner::cancel(Request& request) {
  State& of = state();
  std::lock_guard<std::mutex> lock(of.mutex);
  request.cancel();
  if (std::all_of(of.active.begin(), of.active.end(), is_over)) {
    of.abandon_step = true;
  }
}

}  // namespace pyattn
