package io.sluice.lorsa.training;

import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.torch.ShapeOperators;
import io.sluice.torch.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Targets of a batch as plain rows. */
final class LorsaSamples {
  private LorsaSamples() {}

  static Tensor counted(LorsaBatch batch) {
    List<Tensor> rows = new ArrayList<>();
    for (int i = 0; i < batch.contexts(); i++) {
      int count = batch.lengths()[i] - batch.from();
      if (count > 0) {
        rows.add(batch.target().select(0, i).narrow(0, batch.from(), count));
      }
    }
    return ShapeOperators.cat(rows, 0);
  }
}
