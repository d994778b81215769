package io.sluice.model.bert;

import io.sluice.model.parts.WeightLoader;
import io.sluice.torch.Tensor;
import java.io.IOException;

/**
 * The parameters of a BERT encoder under HuggingFace's names, wherever they come from. Names are
 * relative to the encoder, for instance {@code encoder.layer.0.attention.self.query}.
 */
public sealed interface BertWeights permits BertCheckpoint, BertOnnx {
  /** The sizes. */
  BertConfig config();

  /** A vector or table as the file has it. */
  Tensor parameter(WeightLoader loader, String name, long... shape) throws IOException;

  /** The weight of a projection, {@code [out, in]}. */
  Tensor projection(WeightLoader loader, String module, long out, long in) throws IOException;
}
