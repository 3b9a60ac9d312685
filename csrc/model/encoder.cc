#include "model/encoder.h"

#include <algorithm>
#include <numeric>

#include "model/encoder_attention.h"
#include "model/sublayer.h"

namespace pyattn {
namespace {

// All sentences at once, as ragged rows: only attention needs to know where a
// sentence begins, every other operation sees one matrix of rows. States, where
// a model has some, are rows behind those of all sentences.
class Encoder {
 public:
  Encoder(const ModelWeights& weights, const Ragged& sources)
      : weights_(weights),
        stack_(weights.config.encoder),
        sources_(sources),
        positions_(sources.ids.size()),
        states_(sources.sequences() * weights.config.pattern.states),
        stream_(weights, sources.tokens() + states_, states_),
        attention_(weights, sources) {
    // Positions count from the beginning of each sentence.
    for (int64_t s = 0; s < sources.sequences(); ++s) {
      std::iota(positions_.begin() + sources.starts[s],
                positions_.begin() + sources.starts[s + 1], 0);
    }
  }

  Buffer<float> run() {
    const EmbeddingWeights& embedding = weights_.source_embedding;
    stream_.embed(embedding, sources_.ids, positions_);
    stream_.add_types(embedding, sources_.types);
    add_states();
    stream_.begin(embedding.norm);
    for (int64_t n = 0; n < stack_.layers; ++n) {
      const SelfAttentionWeights& attention =
          weights_.encoder[n].self_attention;
      stream_.self_attention(stack_.self_attention[n], attention,
                             weights_.rotation_of(stack_, n), positions_,
                             [&](ConstRows qkv, Rows heads) {
                               attention_.run(n, stream_.input(), qkv, heads);
                             });
      stream_.feed_forward(weights_.encoder[n].feed_forward);
    }
    stream_.finish(weights_.encoder_norm);
    return stream_.take();
  }

 private:
  void add_states() {
    float* to = stream_.x().from(sources_.tokens()).data;
    for (int64_t s = 0; s < sources_.sequences() && states_ > 0; ++s) {
      to = std::copy_n(weights_.states.data(), weights_.states.size(), to);
    }
  }

  const ModelWeights& weights_;
  const StackConfig& stack_;
  const Ragged& sources_;
  std::vector<int32_t> positions_;
  const int64_t states_;  // of all sentences
  Stream stream_;
  EncoderAttention attention_;
};

}  // namespace

Buffer<float> encode(const ModelWeights& weights, const Ragged& sources) {
  return Encoder(weights, sources).run();
}

}  // namespace pyattn
