#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace pyattn {

struct Scheduler::State {
  State(const ModelWeights& weights, const Limits& limits, Team& to)
      : team(to), batch(weights, limits) {}

  // Has the team run the batch until it is empty.
  void post() {
    team.post([this] { run(); }, give_up);
  }

  void run() {
    while (next()) {
      try {
        batch.step();
      } catch (const Cancelled&) {
        // All that was in the batch was cancelled, and is dropped next.
      } catch (...) {
        batch.fail(std::current_exception());
      }
    }
  }

  // Prepares the next step; there is none if the batch is empty, or if another
  // job comes first.
  bool next() {
    std::lock_guard<std::mutex> lock(mutex);
    for (std::shared_ptr<Request>& request : arrived) {
      batch.add(std::move(request));
    }
    arrived.clear();
    batch.drop();
    std::erase_if(active, [](const std::shared_ptr<Request>& request) {
      return request->cancelled() || request->complete();
    });
    give_up = false;
    if (batch.idle()) {
      batch.rest();
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

  Team& team;
  Batch batch;  // of the team's thread alone
  std::atomic<bool> give_up{false};

  std::mutex mutex;
  std::condition_variable idle;
  std::vector<std::shared_ptr<Request>> arrived;
  std::vector<std::shared_ptr<Request>> active;  // neither done nor cancelled
  bool running = false;
};

Scheduler::Scheduler(const ModelWeights& weights, const Limits& limits,
                     Team& team)
    : weights_(weights), limits_(limits), team_(team) {}

// What is left then is cancelled, and soon over.
Scheduler::~Scheduler() {
  State* const mine = state_.mine();
  if (mine == nullptr) {
    return;
  }
  std::unique_lock<std::mutex> lock(mine->mutex);
  for (const std::shared_ptr<Request>& request : mine->active) {
    request->cancel();
  }
  mine->give_up = true;
  mine->idle.wait(lock, [mine] { return !mine->running; });
}

Scheduler::State& Scheduler::state() {
  return state_.get(
      [this] { return std::make_unique<State>(weights_, limits_, team_); });
}

void Scheduler::submit(std::shared_ptr<Request> request) {
  State& to = state();
  std::lock_guard<std::mutex> lock(to.mutex);
  to.active.push_back(request);
  to.arrived.push_back(std::move(request));
  if (!to.running) {
    to.running = true;
    to.post();
  }
}

void Scheduler::cancel(Request& request) {
  State& of = state();
  std::lock_guard<std::mutex> lock(of.mutex);
  request.cancel();
  if (std::all_of(of.active.begin(), of.active.end(),
                  [](const std::shared_ptr<Request>& one) {
                    return one->cancelled() || one->complete();
                  })) {
    of.give_up = true;
  }
}

}  // namespace pyattn
