package io.sluice.model.bert;

import io.sluice.model.TokenBatch;
import io.sluice.simd.layers.RotaryAngles;
import io.sluice.torch.Tensor;
import java.util.List;

/** What is between the tokens and the last hidden state of an encoder. */
interface EncoderParts {
  /** The residual stream before the first layer, {@code [size, length, dModel]}. */
  Tensor embed(TokenBatch batch);

  /** The layers. */
  List<? extends EncoderLayer> layers();

  /** The last hidden state, a tensor of its own, of the residual stream after the last layer. */
  Tensor finished(Tensor stream);

  /** By layer, the angles of positions below {@code length}; null where none are rotated. */
  List<RotaryAngles> angles(int length);
}
