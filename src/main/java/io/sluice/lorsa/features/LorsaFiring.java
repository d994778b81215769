package io.sluice.lorsa.features;

import io.sluice.engine.arithmetic.Codes;
import io.sluice.features.effects.FiringFeatures;
import io.sluice.lorsa.engine.LorsaBatch;
import io.sluice.lorsa.engine.LorsaEngine;
import io.sluice.memory.Rows;
import io.sluice.model.loading.LoadedModel;
import io.sluice.torch.Device;
import io.sluice.torch.Tensor;
import io.sluice.torch.TensorScope;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Finds the features of a Lorsa that fire on a given text. */
public final class LorsaFiring {
  private LorsaFiring() {}

  /**
   * The features that fire on a text, token by token; positions before the Lorsa's first have none.
   *
   * @throws IOException if the tokenizer cannot read the text
   * @throws IllegalArgumentException if the text has no token or more than the model takes, or the
   *     model has not the hook point that the Lorsa reads
   */
  public static List<FiringFeatures.Token> of(LoadedModel model, GatheredLorsa owner, String text)
      throws IOException {
    Device device = model.transformer().device();
    try (LorsaEngine engine = LorsaEngine.running(owner.lorsa().weights(), device);
        Codes codes = new Codes()) {
      return FiringFeatures.of(
          model,
          owner.reads(),
          owner.firstPosition(),
          (rows, first, end) -> encode(engine, device, codes, rows, first, end),
          text);
    }
  }

  private static Codes encode(
      LorsaEngine engine, Device device, Codes codes, Rows rows, int first, int end) {
    LorsaEngine.Selected selected;
    try (TensorScope scope = TensorScope.open()) {
      float[] values = rows.memory().toArray(ValueLayout.JAVA_FLOAT);
      Tensor input = Tensor.ofFloats(values, 1, rows.count(), rows.width()).to(device);
      selected = engine.encode(new LorsaBatch(input, null, new int[] {rows.count()}, first));
    }
    LorsaCodes adding = new LorsaCodes(selected, engine.spec().k(), codes, end - first);
    for (int position = first; position < end; position++) {
      adding.add(position);
    }
    return codes;
  }
}
